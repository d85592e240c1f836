// Says which Jackson and which JDK the program for Java runs with.
class Version {
    public static void main(String[] arguments) {
        System.out.println(Runtime.version() + " with Jackson "
            + com.fasterxml.jackson.databind.cfg.PackageVersion.VERSION);
    }
}

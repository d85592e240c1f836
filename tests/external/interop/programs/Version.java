// Print the versions of the JDK and of Jackson.
class Version {
    public static void main(String[] arguments) {
        System.out.println(Runtime.version() + " with Jackson "
            + com.fasterxml.jackson.databind.cfg.PackageVersion.VERSION);
    }
}

// Sign with the JDK: read lines of header, tab and claims, and print the tokens.
import java.nio.charset.StandardCharsets;
import java.security.KeyFactory;
import java.security.Signature;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;
import java.util.Scanner;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

class Sign {
    static final String ALGORITHM = System.getenv("ALGORITHM");

    static byte[] sign(byte[] text) throws Exception {
        if (ALGORITHM.equals("HS256")) {
            Mac mac = Mac.getInstance("HmacSHA256");
            byte[] secret = System.getenv("SECRET").getBytes(StandardCharsets.UTF_8);
            mac.init(new SecretKeySpec(secret, "HmacSHA256"));
            return mac.doFinal(text);
        }
        byte[] key = Base64.getMimeDecoder()
            .decode(System.getenv("PRIVATE_PEM").replaceAll("-----[^-]+-----", ""));
        String type = switch (ALGORITHM) {
            case "RS256" -> "RSA";
            case "ES256" -> "EC";
            default -> "Ed25519";
        };
        Signature signer = Signature.getInstance(switch (ALGORITHM) {
            case "RS256" -> "SHA256withRSA";
            case "ES256" -> "SHA256withECDSAinP1363Format";
            default -> "Ed25519";
        });
        signer.initSign(KeyFactory.getInstance(type).generatePrivate(new PKCS8EncodedKeySpec(key)));
        signer.update(text);
        return signer.sign();
    }

    static String encode(byte[] bytes) {
        return Base64.getUrlEncoder().withoutPadding().encodeToString(bytes);
    }

    public static void main(String[] arguments) throws Exception {
        Scanner lines = new Scanner(System.in, StandardCharsets.UTF_8);
        while (lines.hasNextLine()) {
            String[] parts = lines.nextLine().split("\t");
            String text = encode(parts[0].getBytes(StandardCharsets.UTF_8)) + "."
                + encode(parts[1].getBytes(StandardCharsets.UTF_8));
            System.out.println(text + "." + encode(sign(text.getBytes(StandardCharsets.US_ASCII))));
        }
    }
}

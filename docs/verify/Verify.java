// java -cp $JACKSON Verify.java < tokens: print the claims of each valid access token, or why it is
// rejected. Needs JDK 17 or later, and Jackson (jackson-databind) for JSON.
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.math.BigInteger;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.security.*;
import java.security.spec.*;
import java.util.*;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

class Verify {
    static final String ALGORITHM = System.getenv("ALGORITHM");
    static final ObjectMapper JSON = new ObjectMapper();

    /** Return the claims of a valid token. Throws an exception for any other. */
    static JsonNode verify(String token) throws Exception {
        String[] parts = token.split("\\.", -1);
        check(parts.length == 3, "not a token");
        JsonNode header = JSON.readTree(decode(parts[0]));
        check(header.path("alg").asText().equals(ALGORITHM) && !header.has("crit"), "algorithm");
        check(header.path("typ").asText().equals("at+jwt"), "not an access token");
        byte[] text = (parts[0] + "." + parts[1]).getBytes(StandardCharsets.US_ASCII);
        check(isSigned(header.path("kid").asText(), text, decode(parts[2])), "signature");
        JsonNode claims = JSON.readTree(decode(parts[1]));
        check(claims.path("iss").asText().equals(System.getenv("ISSUER")), "issuer");
        check(claims.path("aud").asText().equals(System.getenv("AUDIENCE")), "audience");
        check(System.currentTimeMillis() / 1000 < claims.path("exp").asLong(0), "expired");
        return claims;
    }

    static boolean isSigned(String kid, byte[] text, byte[] signature) throws Exception {
        if (ALGORITHM.equals("HS256")) { // A shared secret. Keep it on the servers.
            Mac mac = Mac.getInstance("HmacSHA256");
            byte[] secret = System.getenv("SECRET").getBytes(StandardCharsets.UTF_8);
            mac.init(new SecretKeySpec(secret, "HmacSHA256"));
            return MessageDigest.isEqual(mac.doFinal(text), signature);
        }
        PublicKey key = key(kid);
        check(key != null, "no such key");
        Signature verifier = Signature.getInstance(switch (ALGORITHM) {
            case "EdDSA" -> "Ed25519";
            case "ES256" -> "SHA256withECDSAinP1363Format";
            case "RS256" -> "SHA256withRSA";
            default -> throw new NoSuchAlgorithmException(ALGORITHM);
        });
        verifier.initVerify(key);
        verifier.update(text);
        return verifier.verify(signature);
    }

    static Map<String, PublicKey> keys = Map.of();
    static long readAt;

    /** Public keys, fetched again after five minutes. For an unknown key, after half a minute. */
    static synchronized PublicKey key(String kid) throws Exception {
        long seconds = (System.nanoTime() - readAt) / 1_000_000_000;
        if (keys.isEmpty() || seconds >= (keys.containsKey(kid) ? 300 : 30)) {
            Map<String, PublicKey> found = new HashMap<>();
            for (JsonNode jwk : JSON.readTree(new URL(System.getenv("JWKS_URL"))).path("keys")) {
                if (jwk.path("alg").asText().equals(ALGORITHM)) {
                    found.put(jwk.path("kid").asText(), publicKey(jwk));
                }
            }
            keys = found;
            readAt = System.nanoTime();
        }
        return keys.get(kid);
    }

    static PublicKey publicKey(JsonNode jwk) throws Exception {
        String type = jwk.path("kty").asText();
        if (type.equals("RSA")) {
            BigInteger n = new BigInteger(1, decode(jwk.path("n").asText()));
            BigInteger e = new BigInteger(1, decode(jwk.path("e").asText()));
            return KeyFactory.getInstance(type).generatePublic(new RSAPublicKeySpec(n, e));
        }
        // The X.509 form of a key on a curve: a constant prefix, and then the bytes of the JWK.
        String start = type.equals("OKP") ? "302a300506032b6570032100"
            : "3059301306072a8648ce3d020106082a8648ce3d03010703420004";
        String hex = start;
        for (String name : type.equals("OKP") ? List.of("x") : List.of("x", "y")) {
            hex += HexFormat.of().formatHex(decode(jwk.path(name).asText()));
        }
        return KeyFactory.getInstance(type.equals("OKP") ? "Ed25519" : type)
            .generatePublic(new X509EncodedKeySpec(HexFormat.of().parseHex(hex)));
    }

    static byte[] decode(String base64url) {
        return Base64.getUrlDecoder().decode(base64url);
    }

    static void check(boolean holds, String what) throws GeneralSecurityException {
        if (!holds) {
            throw new GeneralSecurityException(what);
        }
    }

    public static void main(String[] arguments) throws Exception {
        Scanner tokens = new Scanner(System.in);
        while (tokens.hasNextLine()) {
            Map<String, Object> result;
            try {
                result = Map.of("claims", verify(tokens.nextLine()));
            } catch (Exception error) {
                result = Map.of("error", String.valueOf(error.getMessage()));
            }
            System.out.println(JSON.writeValueAsString(result));
        }
    }
}

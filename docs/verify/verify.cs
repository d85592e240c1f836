// mono verify.exe < tokens: print the claims of each valid access token, or why it is rejected.
// mcs -r:System.Runtime.Serialization,System.Xml,System.Xml.Linq verify.cs
using System;
using System.Linq;
using System.Net;
using System.Runtime.Serialization.Json;
using System.Security.Cryptography;
using System.Text;
using System.Xml;
using System.Xml.Linq;

static class Verifier
{
    static readonly string Algorithm = Environment.GetEnvironmentVariable("ALGORITHM");
    static readonly string Issuer = Environment.GetEnvironmentVariable("ISSUER");
    static readonly string Audience = Environment.GetEnvironmentVariable("AUDIENCE");
    static readonly string Secret = Environment.GetEnvironmentVariable("SECRET");
    static readonly string JwksUrl = Environment.GetEnvironmentVariable("JWKS_URL");

    // Return the claims of a valid token, as JSON. Throws an exception for any other.
    static string Verify(string token)
    {
        string[] parts = token.Split('.');
        Check(parts.Length == 3, "not a token");
        XElement header = Json(Decode(parts[0]));
        Check((string)header.Element("alg") == Algorithm, "algorithm");
        Check(header.Element("crit") == null, "an extension");
        Check((string)header.Element("typ") == "at+jwt", "not an access token");
        byte[] text = Encoding.ASCII.GetBytes(parts[0] + "." + parts[1]);
        Check(IsSigned((string)header.Element("kid"), text, Decode(parts[2])), "signature");
        XElement claims = Json(Decode(parts[1]));
        Check((string)claims.Element("iss") == Issuer, "issuer");
        Check((string)claims.Element("aud") == Audience, "audience");
        Check(DateTimeOffset.UtcNow.ToUnixTimeSeconds() < (long)claims.Element("exp"), "expired");
        return Encoding.UTF8.GetString(Decode(parts[1]));
    }

    static bool IsSigned(string kid, byte[] text, byte[] signature)
    {
        if (Algorithm == "HS256") // A shared secret. Keep it on the servers.
        {
            using (var hmac = new HMACSHA256(Encoding.UTF8.GetBytes(Secret)))
            {
                // Compare all bytes, so that the time does not reveal where they differ.
                byte[] expected = hmac.ComputeHash(text);
                int difference = expected.Length ^ signature.Length;
                for (int i = 0; i < expected.Length && i < signature.Length; i++)
                    difference |= expected[i] ^ signature[i];
                return difference == 0;
            }
        }
        XElement jwk = PublicKey(kid);
        Check(jwk != null && (string)jwk.Element("alg") == "RS256", "no such key");
        using (RSA rsa = RSA.Create())
        {
            rsa.ImportParameters(new RSAParameters
            {
                Modulus = Decode((string)jwk.Element("n")),
                Exponent = Decode((string)jwk.Element("e")),
            });
            return rsa.VerifyData(
                text, signature, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        }
    }

    static XElement keys = new XElement("keys");
    static DateTime readAt = DateTime.MinValue;

    // Public keys, fetched again after five minutes. For an unknown key, after half a minute.
    static XElement PublicKey(string kid)
    {
        Func<XElement> find = () =>
            keys.Elements().FirstOrDefault(key => (string)key.Element("kid") == kid);
        if (DateTime.UtcNow - readAt >= TimeSpan.FromSeconds(find() == null ? 30 : 300))
        {
            using (var client = new WebClient())
                keys = Json(client.DownloadData(JwksUrl)).Element("keys");
            readAt = DateTime.UtcNow;
        }
        return find();
    }

    static XElement Json(byte[] text)
    {
        var quotas = XmlDictionaryReaderQuotas.Max;
        using (var reader = JsonReaderWriterFactory.CreateJsonReader(text, quotas))
            return XElement.Load(reader);
    }

    static byte[] Decode(string base64url)
    {
        string base64 = base64url.Replace('-', '+').Replace('_', '/');
        return Convert.FromBase64String(base64 + new string('=', (4 - base64.Length % 4) % 4));
    }

    static void Check(bool holds, string what)
    {
        if (!holds) throw new CryptographicException(what);
    }

    static void Main()
    {
        for (string token; (token = Console.ReadLine()) != null; )
        {
            string result;
            try { result = "{\"claims\":" + Verify(token) + "}"; }
            catch (Exception error) { result = "{\"error\":\"" + error.GetType().Name + "\"}"; }
            Console.WriteLine(result);
        }
    }
}

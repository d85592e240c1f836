// Sign with Mono: read lines of header, tab and claims, and print the tokens.
using System;
using System.Runtime.Serialization.Json;
using System.Security.Cryptography;
using System.Text;
using System.Xml;
using System.Xml.Linq;

static class Signer
{
    static readonly string Algorithm = Environment.GetEnvironmentVariable("ALGORITHM");
    static readonly string Secret = Environment.GetEnvironmentVariable("SECRET");
    static readonly string Jwk = Environment.GetEnvironmentVariable("PRIVATE_JWK");

    static byte[] Sign(byte[] text)
    {
        if (Algorithm == "HS256")
            using (var hmac = new HMACSHA256(Encoding.UTF8.GetBytes(Secret)))
                return hmac.ComputeHash(text);
        XElement jwk;
        byte[] json = Encoding.UTF8.GetBytes(Jwk);
        var quotas = XmlDictionaryReaderQuotas.Max;
        using (var reader = JsonReaderWriterFactory.CreateJsonReader(json, quotas))
            jwk = XElement.Load(reader);
        Func<string, byte[]> member = name => Decode((string)jwk.Element(name));
        using (RSA rsa = RSA.Create())
        {
            rsa.ImportParameters(new RSAParameters
            {
                Modulus = member("n"), Exponent = member("e"), D = member("d"),
                P = member("p"), Q = member("q"),
                DP = member("dp"), DQ = member("dq"), InverseQ = member("qi"),
            });
            return rsa.SignData(text, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        }
    }

    static byte[] Decode(string base64url)
    {
        string base64 = base64url.Replace('-', '+').Replace('_', '/');
        return Convert.FromBase64String(base64 + new string('=', (4 - base64.Length % 4) % 4));
    }

    static string Encode(byte[] bytes)
    {
        return Convert.ToBase64String(bytes).TrimEnd('=').Replace('+', '-').Replace('/', '_');
    }

    static void Main()
    {
        for (string line; (line = Console.ReadLine()) != null; )
        {
            string[] parts = line.Split('\t');
            string text = Encode(Encoding.UTF8.GetBytes(parts[0])) + "."
                + Encode(Encoding.UTF8.GetBytes(parts[1]));
            Console.WriteLine(text + "." + Encode(Sign(Encoding.ASCII.GetBytes(text))));
        }
    }
}

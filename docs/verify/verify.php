<?php
// php verify.php < tokens: print the claims of each valid access token, or why it is rejected.
// Needs the extensions openssl and sodium, and no library.

// Return the claims of a valid token. Throws an exception for any other.
function verify(string $token): stdClass
{
    $parts = explode('.', $token);
    check(count($parts) === 3, 'not a token');
    $header = json_decode(decode($parts[0]), flags: JSON_THROW_ON_ERROR);
    check(($header->alg ?? '') === getenv('ALGORITHM') && !isset($header->crit), 'algorithm');
    check(($header->typ ?? '') === 'at+jwt', 'not an access token');
    check(signed($header, "$parts[0].$parts[1]", decode($parts[2])), 'signature');
    $claims = json_decode(decode($parts[1]), flags: JSON_THROW_ON_ERROR);
    check(($claims->iss ?? '') === getenv('ISSUER'), 'issuer');
    check(($claims->aud ?? '') === getenv('AUDIENCE'), 'audience');
    check(is_int($claims->exp ?? null) && time() < $claims->exp, 'expired');
    return $claims;
}

function signed(stdClass $header, string $text, string $signature): bool
{
    if ($header->alg === 'HS256') { // A shared secret. Keep it on the servers.
        return hash_equals(hash_hmac('sha256', $text, getenv('SECRET'), true), $signature);
    }
    $key = public_key($header->kid ?? '');
    check(($key->alg ?? '') === $header->alg, 'no such key');
    switch ($header->alg) {
        case 'EdDSA':
            return sodium_crypto_sign_verify_detached($signature, $text, decode($key->x));
        case 'RS256':
            $numbers = integer(decode($key->n)) . integer(decode($key->e));
            $pem = pem('RSA PUBLIC KEY', der(0x30, $numbers));
            return openssl_verify($text, $signature, $pem, 'sha256') === 1;
        case 'ES256': // OpenSSL expects the two numbers of the signature in DER.
            check(strlen($signature) === 64, 'signature');
            $numbers = integer(substr($signature, 0, 32)) . integer(substr($signature, 32));
            $p256 = hex2bin('3059301306072a8648ce3d020106082a8648ce3d03010703420004');
            $pem = pem('PUBLIC KEY', $p256 . decode($key->x) . decode($key->y));
            return openssl_verify($text, der(0x30, $numbers), $pem, 'sha256') === 1;
    }
    return false;
}

// Fetch the public keys, and again after five minutes. For an unknown key, after half a minute.
// If each request has its own process, store them in a shared cache.
function public_key(string $kid): ?stdClass
{
    static $keys = [], $read = 0;
    if (time() - $read >= (isset($keys[$kid]) ? 300 : 30)) {
        $set = json_decode(file_get_contents(getenv('JWKS_URL')), flags: JSON_THROW_ON_ERROR);
        [$keys, $read] = [array_column($set->keys, null, 'kid'), time()];
    }
    return $keys[$kid] ?? null;
}

function pem(string $label, string $der): string
{
    $lines = chunk_split(base64_encode($der), 64, "\n");
    return "-----BEGIN $label-----\n$lines-----END $label-----\n";
}

function der(int $tag, string $content): string
{
    $length = strlen($content);
    return chr($tag) . ($length < 128 ? chr($length) : "\x82" . pack('n', $length)) . $content;
}

function integer(string $bytes): string
{
    $bytes = ltrim($bytes, "\0");
    return der(0x02, $bytes === '' || ord($bytes[0]) >= 128 ? "\0$bytes" : $bytes);
}

function decode(string $base64url): string
{
    $bytes = base64_decode(strtr($base64url, '-_', '+/'), true);
    check($bytes !== false, 'base64url');
    return $bytes;
}

function check(bool $holds, string $what): void
{
    $holds or throw new DomainException($what);
}

while (($token = fgets(STDIN)) !== false) {
    try {
        $result = ['claims' => verify(trim($token))];
    } catch (Throwable $error) {
        $result = ['error' => $error->getMessage()];
    }
    echo json_encode($result), "\n";
}

<?php
// Sign with PHP: read lines of header, tab and claims, and print the tokens.

function encode(string $bytes): string
{
    return rtrim(strtr(base64_encode($bytes), '+/', '-_'), '=');
}

function sign(string $text): string
{
    switch (getenv('ALGORITHM')) {
        case 'HS256':
            return hash_hmac('sha256', $text, getenv('SECRET'), true);
        case 'EdDSA':
            $seed = base64_decode(strtr(json_decode(getenv('PRIVATE_JWK'))->d, '-_', '+/'));
            $pair = sodium_crypto_sign_seed_keypair($seed);
            return sodium_crypto_sign_detached($text, sodium_crypto_sign_secretkey($pair));
    }
    openssl_sign($text, $signature, getenv('PRIVATE_PEM'), 'sha256') || exit(1);
    if (getenv('ALGORITHM') === 'RS256') {
        return $signature;
    }
    // Convert DER (a SEQUENCE of two INTEGERs) to two numbers of 32 bytes (RFC 7518 section 3.4).
    $numbers = '';
    for ($at = 2; $at < strlen($signature); $at += 2 + $length) {
        $length = ord($signature[$at + 1]);
        $number = ltrim(substr($signature, $at + 2, $length), "\0");
        $numbers .= str_pad($number, 32, "\0", STR_PAD_LEFT);
    }
    return $numbers;
}

while (($line = fgets(STDIN)) !== false) {
    $text = implode('.', array_map('encode', explode("\t", rtrim($line, "\n"))));
    echo $text, '.', encode(sign($text)), "\n";
}

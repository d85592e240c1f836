# ruby verify.rb < tokens: print the claims of each valid access token, or why it is rejected.
# Debian: apt install ruby-jwt ruby-rbnacl (ruby-jwt 2; rbnacl is for EdDSA only)
require 'json'
require 'jwt'
require 'net/http'
require 'rbnacl' if ENV['ALGORITHM'] == 'EdDSA'

# Fetch the public keys, and again after five minutes. For an unknown key, after half a minute.
def public_key(kid)
  if @keys.nil? || Time.now - @read_at >= (@keys.key?(kid) ? 300 : 30)
    key_set = JSON.parse(Net::HTTP.get(URI(ENV.fetch('JWKS_URL'))))
    @keys = key_set['keys'].to_h { |jwk| [jwk['kid'], jwk] }
    @read_at = Time.now
  end
  @keys[kid] or raise JWT::DecodeError, 'No such key'
end

# HS256 uses a shared secret. Keep it on the servers.
def key(kid)
  return ENV.fetch('SECRET') if ENV['ALGORITHM'] == 'HS256'

  jwk = public_key(kid)
  return RbNaCl::VerifyKey.new(JWT::Base64.url_decode(jwk['x'])) if jwk['kty'] == 'OKP'

  JWT::JWK.import(jwk).keypair
end

# Return the claims of a valid token. Raises an error for any other.
def verify(token)
  claims, header = JWT.decode(
    token, nil, true,
    algorithm: ENV.fetch('ALGORITHM'),
    iss: ENV.fetch('ISSUER'), verify_iss: true,
    aud: ENV.fetch('AUDIENCE'), verify_aud: true,
    required_claims: %w[exp sub]
  ) { |unverified| key(unverified['kid']) }
  # ruby-jwt checks neither of these.
  raise JWT::DecodeError, 'Not an access token' unless header['typ'] == 'at+jwt'
  raise JWT::DecodeError, 'An unknown extension' if header.key?('crit')

  claims
end

$stdout.sync = true
$stdin.each_line(chomp: true) do |token|
  result = begin
    { claims: verify(token) }
  rescue StandardError => e
    { error: "#{e.class}: #{e.message}" }
  end
  puts JSON.generate(result)
end

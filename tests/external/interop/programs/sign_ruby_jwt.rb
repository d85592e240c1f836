# Sign with ruby-jwt: read lines of header, tab and claims, and print the tokens.
require 'json'
require 'jwt'
require 'openssl'

algorithm = ENV.fetch('ALGORITHM')
key = case algorithm
      when 'HS256'
        ENV.fetch('SECRET')
      when 'EdDSA'
        require 'rbnacl'
        RbNaCl::SigningKey.new(JWT::Base64.url_decode(JSON.parse(ENV.fetch('PRIVATE_JWK'))['d']))
      else
        OpenSSL::PKey.read(ENV.fetch('PRIVATE_PEM'))
      end

$stdin.each_line(chomp: true) do |line|
  header, claims = line.split("\t").map { |part| JSON.parse(part) }
  puts JWT.encode(claims, key, algorithm, header)
end

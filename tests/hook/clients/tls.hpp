// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// tls.hpp: a server's side of TLS on 127.0.0.1, with a certificate that is made for the test.
#pragma once

#include "tests/support/descriptors.hpp"
#include "tests/support/sockets.hpp"

#include <cstdio>
#include <memory>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <string>
#include <string_view>

namespace tests {

template <auto free>
struct freed_by {
    template <class T>
    void operator()(T* it) const noexcept {
        free(it);
    }
};
using ssl_context = std::unique_ptr<SSL_CTX, freed_by<SSL_CTX_free>>;
using ssl_connection = std::unique_ptr<SSL, freed_by<SSL_free>>;

// A key and a certificate of 127.0.0.1, signed by itself.
class certificate {
public:
    certificate() : key_(EVP_EC_gen("P-256")), x509_(X509_new()) {
        X509* const x = x509_.get();
        ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
        X509_set_version(x, X509_VERSION_3);
        X509_gmtime_adj(X509_getm_notBefore(x), -3600);
        X509_gmtime_adj(X509_getm_notAfter(x), 24L * 3600);
        X509_NAME* const name = X509_get_subject_name(x);
        X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<unsigned char const*>("fiber"),
                                   -1, -1, 0);
        X509_set_issuer_name(x, name);
        X509_set_pubkey(x, key_.get());
        X509_EXTENSION* const address =
            X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, "IP:127.0.0.1");
        X509_add_ext(x, address, -1);
        X509_EXTENSION_free(address);
        must(X509_sign(x, key_.get(), EVP_sha256()) > 0);
        std::FILE* const to = std::fopen(file().c_str(), "w");
        must(to != nullptr && PEM_write_X509(to, x) == 1 && std::fclose(to) == 0);
    }
    // The certificate, for a client that trusts it.
    [[nodiscard]] std::string file() const { return directory_.file("certificate.pem"); }

    [[nodiscard]] ssl_context server_context() const {
        ssl_context made(SSL_CTX_new(TLS_server_method()));
        must(SSL_CTX_use_certificate(made.get(), x509_.get()) == 1);
        must(SSL_CTX_use_PrivateKey(made.get(), key_.get()) == 1);
        return made;
    }

private:
    temporary_directory directory_;
    std::unique_ptr<EVP_PKEY, freed_by<EVP_PKEY_free>> key_;
    std::unique_ptr<X509, freed_by<X509_free>> x509_;
};

// TLS writes several times without a read between. Else each write would wait until the peer acknowledges the
// one before.
inline void send_at_once(descriptor const& socket) {
    int const yes = 1;
    must(::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes) == 0);
}

// As plain_connection.
class tls_connection {
public:
    tls_connection(SSL_CTX* context, descriptor connected)
        : socket_(std::move(connected)), ssl_(SSL_new(context)) {
        send_at_once(socket_);
        SSL_set_fd(ssl_.get(), socket_.get());
        must(SSL_accept(ssl_.get()) == 1);
    }
    [[nodiscard]] std::string read_until(std::string_view mark) {
        std::string text;
        char c = 0;
        while (!text.ends_with(mark) && SSL_read(ssl_.get(), &c, 1) == 1)
            text += c;
        return text;
    }
    void write(std::string_view text) {
        must(SSL_write(ssl_.get(), text.data(), static_cast<int>(text.size())) > 0);
    }

private:
    descriptor socket_;
    ssl_connection ssl_;
};

} // namespace tests

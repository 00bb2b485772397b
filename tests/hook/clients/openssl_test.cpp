// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// openssl_test.cpp: a client of OpenSSL on blocking sockets. OpenSSL keeps a queue of errors for each thread.

#include "tests/hook/clients/crowd.hpp"
#include "tests/hook/clients/server_process.hpp"
#include "tests/hook/clients/tls.hpp"

namespace {

// Leaves an error in OpenSSL's queue that names this file.
void fail_to_open(std::string const& file) { static_cast<void>(BIO_new_file(file.c_str(), "r")); }

// Takes all errors from the queue, and returns their texts.
std::string take_errors() {
    std::string text;
    char const* data = "";
    int flags = 0;
    while (ERR_get_error_all(nullptr, nullptr, nullptr, &data, &flags) != 0)
        text += data;
    return text;
}

} // namespace

TEST_CASE("OpenSSL parks, and its errors stay with their fibers", "[hook_clients]") {
    tests::raise_descriptor_limit();
    tests::certificate const certificate;
    auto const server_context = certificate.server_context();
    SSL_CTX_set_num_tickets(server_context.get(), 0); // to receive one empties the queue of errors
    tests::inet_address at;
    auto const bound = tests::bound_socket(SOCK_STREAM, at);
    tests::server_process server(bound, tests::crowd_size(), [&](tests::descriptor connection) {
        return tests::line_session(tests::tls_connection(server_context.get(), std::move(connection)));
    });

    tests::ssl_context const context(SSL_CTX_new(TLS_client_method()));
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
    REQUIRE(SSL_CTX_load_verify_file(context.get(), certificate.file().c_str()) == 1);
    tests::expect expect;
    fiber::runtime here;
    tests::check_crowd(here, server, [&](int i) {
        tests::descriptor const socket(::socket(AF_INET, SOCK_STREAM, 0));
        expect(::connect(socket.get(), at.get(), at.size) == 0, "connect");
        tests::send_at_once(socket);
        tests::ssl_connection const ssl(SSL_new(context.get()));
        SSL_set_fd(ssl.get(), socket.get());
        expect(SSL_connect(ssl.get()) == 1, "SSL_connect");
        std::string const question = std::to_string(i) + "\n";
        expect(SSL_write(ssl.get(), question.data(), static_cast<int>(question.size())) > 0, "SSL_write");

        std::string const missing = "/missing/" + std::to_string(i);
        if (i % 2 == 0)
            fail_to_open(missing);
        std::string answer;
        char buffer[8192];
        while (!answer.ends_with('\n')) {
            int const n = SSL_read(ssl.get(), buffer, sizeof buffer); // the first one parks
            if (!expect(n > 0, "SSL_read"))
                break;
            answer.append(buffer, static_cast<std::size_t>(n));
        }
        expect(answer == tests::answer_to(i) + "\n", "the answer");
        std::string const errors = take_errors();
        expect(i % 2 == 0 ? errors.find(missing) != errors.npos : errors.empty(),
               "the errors are the fiber's own");
    });
}

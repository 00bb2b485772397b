// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// libcurl_test.cpp: libcurl, over TLS.

#include "tests/hook/clients/crowd.hpp"
#include "tests/hook/clients/server_process.hpp"
#include "tests/hook/clients/tls.hpp"

#include <curl/curl.h>

namespace {

// A connection of a server of HTTPS. Its answer depends on the number in the path.
class https_session {
public:
    https_session(SSL_CTX* context, tests::descriptor connection)
        : tls_(context, std::move(connection)), question_(std::stoi(tls_.read_until("\r\n\r\n").substr(5))) {
    } // "GET /"
    void answer() {
        std::string const body = tests::answer_to(question_);
        tls_.write("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
    }

private:
    tests::tls_connection tls_;
    int question_;
};

std::size_t append(char* from, std::size_t, std::size_t n, void* to) {
    static_cast<std::string*>(to)->append(from, n);
    return n;
}

// Returns the body, or what libcurl says about its failure.
std::string fetch(std::string const& url, std::string const& trusted) {
    CURL* const curl = curl_easy_init();
    std::string body;
    curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
    curl_easy_setopt(curl, CURLOPT_CAINFO, trusted.c_str());
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, append);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &body);
    CURLcode const result = curl_easy_perform(curl);
    curl_easy_cleanup(curl);
    return result == CURLE_OK ? body : curl_easy_strerror(result);
}

} // namespace

TEST_CASE("libcurl with TLS parks", "[hook_clients]") {
    tests::raise_descriptor_limit();
    tests::certificate const certificate;
    auto const context = certificate.server_context();
    tests::inet_address at;
    auto const bound = tests::bound_socket(SOCK_STREAM, at);
    tests::server_process server(bound, tests::crowd_size(), [&](tests::descriptor connection) {
        return https_session(context.get(), std::move(connection));
    });
    std::string const url = "https://127.0.0.1:" + std::to_string(ntohs(at.value.sin_port)) + "/";
    curl_global_init(CURL_GLOBAL_DEFAULT);
    tests::expect expect;
    fiber::runtime here;
    tests::check_crowd(here, server, [&](int i) {
        expect(fetch(url + std::to_string(i), certificate.file()) == tests::answer_to(i), "the body");
    });
}

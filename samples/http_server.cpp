// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// http_server [PORT [DIRECTORY]]: serves the files of a directory by HTTP/1.1, with keep-alive and
// pipelining. Each client has a fiber, which reads a request, answers it, and waits at most five seconds for
// the next one.
//   http_server 8000 /usr/share/doc      SIGINT and SIGTERM end it. Port 0, the default, is a free one
#include <fiber/fiber.hpp>

#include "samples/network.hpp"

#include <algorithm>
#include <cctype>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <system_error>

namespace fs = std::filesystem;
using fiber::net::tcp_stream;

namespace {

constexpr std::size_t max_head = 16 * 1024;
auto soon() { return std::chrono::steady_clock::now() + std::chrono::seconds(5); }

struct request {
    std::string status = "400 Bad Request", method, target;
    bool keep_alive = false;
};

// The status of the result is 200 if a file can be the answer.
request parse(std::string const& head) {
    request r;
    std::istringstream in(head);
    std::string version, line;
    if (!(in >> r.method >> r.target >> version) || r.target[0] != '/' || !version.starts_with("HTTP/1."))
        return r;
    r.status = r.method == "GET" || r.method == "HEAD" ? "200 OK" : "501 Not Implemented";
    r.keep_alive = version != "HTTP/1.0";
    while (std::getline(in, line)) {
        std::transform(line.begin(), line.end(), line.begin(),
                       [](unsigned char c) { return std::tolower(c); });
        auto const has = [&](auto word) { return line.find(word) != line.npos; };
        if (line.starts_with("connection:"))
            r.keep_alive = !has("close") && (r.keep_alive || has("keep-alive"));
        if (line.starts_with("content-length:") || line.starts_with("transfer-encoding:"))
            r.status = "501 Not Implemented"; // it has a body, which nobody reads
    }
    r.keep_alive &= r.status == "200 OK";
    return r;
}

// Sends the answer to a request. Returns false if it is the last one of this connection.
bool answer(tcp_stream& client, request r, fs::path const& root) {
    std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(nullptr, std::fclose);
    std::uintmax_t size = 0;
    if (r.status == "200 OK") {
        fs::path const target = r.target.substr(0, r.target.find('?'));
        fs::path path = root / target.lexically_normal().relative_path(); // has no "..": stays below the root
        if (!path.has_filename())
            path /= "index.html";
        std::error_code not_a_file;
        size = fs::file_size(path, not_a_file);
        file.reset(not_a_file ? nullptr : std::fopen(path.c_str(), "re"));
        r.status = file ? "200 OK" : "404 Not Found";
    }
    std::string const text = file ? "" : r.status + '\n';
    std::string const head = "HTTP/1.1 " + r.status +
                             "\r\nContent-Length: " + std::to_string(file ? size : text.size()) +
                             (r.keep_alive ? "\r\n\r\n" : "\r\nConnection: close\r\n\r\n");
    bool const head_only = r.method == "HEAD";
    client.set_write_deadline(soon());
    write_text(client, head_only ? head : head + text);
    for (std::uintmax_t sent = 0, n = 0; file && !head_only && sent < size; sent += n) {
        client.set_write_deadline(soon()); // for the next megabyte
        n = client.send_file(::fileno(file.get()), sent, std::min<std::uintmax_t>(size - sent, 1 << 20));
        if (n == 0)
            return false; // the file has become shorter
    }
    return r.keep_alive;
}

void serve(tcp_stream& client, fs::path const& root) {
    std::string input;
    for (bool open = true; open;) {
        client.set_read_deadline(soon());
        auto const head = read_until("\r\n\r\n", max_head, client, input);
        if (!head)
            return;
        open = answer(client, parse(head->size() < max_head ? *head : ""), root);
    }
    client.shutdown_write();
    while (read_until("\n", max_head, client, input)) {
        // To close a connection that has unread data would reset it, and the client could lose the answer.
    }
}

} // namespace

int main(int argc, char** argv) {
    try {
        if (argc > 3)
            throw std::invalid_argument("too many arguments");
        fs::path const root = argc > 2 ? argv[2] : ".";
        serve_clients(argc > 1 ? argv[1] : "0", stop_signals(),
                      [&](tcp_stream& client, std::stop_token) { serve(client, root); });
    } catch (std::exception const& e) {
        std::cerr << "http_server: " << e.what() << "\nusage: http_server [PORT [DIRECTORY]]\n";
        return 2;
    }
}

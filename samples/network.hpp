// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// network.hpp: what the samples with sockets share: texts on a connection, and a server on 127.0.0.1, with a
// fiber for each client, which ends by SIGINT or SIGTERM. echo_server.cpp is such a server without this
// header.
#pragma once

#include <fiber/fiber.hpp>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstddef>
#include <iostream>
#include <optional>
#include <pthread.h>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <system_error>

// Blocks the signals that end a server. Threads inherit the mask: make the object before the first fiber.
class stop_signals {
public:
    stop_signals() {
        ::sigemptyset(&signals_);
        ::sigaddset(&signals_, SIGINT);
        ::sigaddset(&signals_, SIGTERM);
        ::pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
    }
    // Blocks the calling OS thread until one of the signals arrives.
    void wait() const {
        int signal = 0;
        ::sigwait(&signals_, &signal);
    }

private:
    sigset_t signals_;
};

// Calls talk(client, stop_token) in a fiber for each client. After a signal it closes all connections, and
// returns. Port "0" is a free one. Throws std::invalid_argument if the text is not a port, and
// std::system_error if the system refuses the port.
template <class Talk>
void serve_clients(std::string const& port, stop_signals const& signals, Talk talk) {
    fiber::net::tcp_listener listener(fiber::net::endpoint::parse("127.0.0.1:" + port));
    std::cout << "listening on " << listener.local_endpoint() << std::endl;

    fiber::group clients;
    clients.go([&] {
        for (;;)
            clients.go([&talk, client = listener.accept()](std::stop_token stop) mutable {
                std::stop_callback const hang_up(stop, [&] { client.close(); });
                try {
                    talk(client, stop);
                } catch (std::system_error const&) {
                    // The client is gone or too slow, or the server stops. The other clients do not notice.
                }
            });
    });
    signals.wait();
    listener.close(); // accept throws, which stops the group. Its destructor waits for all clients
}

// Appends what the peer has sent. Returns false at the end of the stream.
inline bool read_some(fiber::net::tcp_stream& from, std::string& input) {
    std::array<char, 16 * 1024> chunk;
    std::size_t const n = from.read_some(std::as_writable_bytes(std::span(chunk)));
    input.append(chunk.data(), n);
    return n != 0;
}

// Returns the text up to the separator, or nothing if the stream ends before. What comes after the separator
// stays in `input`, for the next call. If `max` bytes have no separator, they are returned.
inline std::optional<std::string> read_until(std::string_view separator, std::size_t max,
                                             fiber::net::tcp_stream& from, std::string& input) {
    std::size_t end;
    while ((end = input.find(separator)) == input.npos && input.size() < max)
        if (!read_some(from, input))
            return std::nullopt;
    std::string text = input.substr(0, std::min(end, max));
    input.erase(0, end <= max ? end + separator.size() : max);
    return text;
}

inline void write_text(fiber::net::tcp_stream& to, std::string_view text) {
    to.write_all(std::as_bytes(std::span(text)));
}

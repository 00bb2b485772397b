// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// echo_server [PORT]: sends back what it receives. Each client has a fiber. The code reads as that of a
// server with a thread for each client, but a fiber that waits for its client takes no thread.
//   echo_server 7000          SIGINT and SIGTERM end it. Port 0, the default, is a free one
//   nc 127.0.0.1 7000
#include <fiber/fiber.hpp>

#include <array>
#include <csignal>
#include <cstddef>
#include <exception>
#include <iostream>
#include <pthread.h>
#include <span>
#include <stdexcept>
#include <string>
#include <system_error>

namespace {

// example begins
namespace net = fiber::net;

void echo(net::tcp_stream& client) {
    std::array<std::byte, 16 * 1024> buffer;
    while (std::size_t const n = client.read_some(buffer)) // parks until data come; 0: the end of the stream
        client.write_all(std::span(buffer).first(n));
}

void accept_clients(net::tcp_listener& listener, fiber::group& clients) {
    for (;;)
        clients.go([client = listener.accept()](std::stop_token stop) mutable {
            std::stop_callback const hang_up(stop, [&] { client.close(); }); // ends the waits in echo
            try {
                echo(client);
            } catch (std::system_error const&) { // reset by the client, or closed by hang_up
            }
        });
}
// example ends

// Blocks the signals that end the server. Threads inherit the mask, so this comes before the first fiber.
sigset_t block_stop_signals() {
    sigset_t signals;
    ::sigemptyset(&signals);
    ::sigaddset(&signals, SIGINT);
    ::sigaddset(&signals, SIGTERM);
    ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    return signals;
}

} // namespace

int main(int argc, char** argv) {
    try {
        if (argc > 2)
            throw std::invalid_argument("too many arguments");
        sigset_t const stop_signals = block_stop_signals();
        net::tcp_listener listener(
            net::endpoint::parse(std::string("127.0.0.1:") + (argc > 1 ? argv[1] : "0")));
        std::cout << "listening on " << listener.local_endpoint() << std::endl;

        fiber::group clients;
        clients.go([&] { accept_clients(listener, clients); });
        int signal = 0;
        ::sigwait(&stop_signals, &signal); // main is no fiber: it may block its thread
        listener.close(); // accept throws, which stops the group. Its destructor waits for all clients
    } catch (std::exception const& e) {
        std::cerr << "echo_server: " << e.what() << "\nusage: echo_server [PORT]\n";
        return 2;
    }
}

// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// proxy PORT ADDRESS: connects each client with the server at this address. Each direction has a fiber, and
// ends
// when its sender closes its side.
//   proxy 7000 127.0.0.1:80          SIGINT and SIGTERM end it. Port 0 is a free one
// The sample shows fiber::io: the calls of POSIX, which park the fiber instead of blocking its thread.
#include <fiber/fiber.hpp>

#include "samples/network.hpp"

#include <array>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <exception>
#include <fcntl.h>
#include <iostream>
#include <optional>
#include <span>
#include <stdexcept>
#include <stop_token>
#include <sys/socket.h>
#include <sys/types.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace io = fiber::io;
namespace net = fiber::net;

namespace {

// Takes the socket away from the stream. fiber::net makes non-blocking sockets, where a call of fiber::io
// would fail with EAGAIN, as it does in POSIX. On a blocking socket the call parks.
int take_socket(net::tcp_stream& stream) {
    int const fd = stream.release();
    ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) & ~O_NONBLOCK);
    return fd;
}

struct descriptor {
    explicit descriptor(int number) : fd(number) {}
    descriptor(descriptor const&) = delete;
    ~descriptor() { ::close(fd); }
    int const fd;
};
using pipe_ends = std::pair<descriptor, descriptor>; // to read from, to write to

void hang_up(int one, int other) {
    ::shutdown(one, SHUT_RDWR);
    ::shutdown(other, SHUT_RDWR);
}

// Forwards what has come, by a copy. Returns the number of bytes, 0 at the end of the stream, or -1.
ssize_t copy_some(int from, int to, std::span<std::byte> buffer) {
    ssize_t const n = io::read(from, buffer.data(), buffer.size());
    return n <= 0 ? n : io::write(to, buffer.data(), static_cast<std::size_t>(n)); // all bytes, or -1
}

// Does the same through a pipe: the data stay in the kernel.
ssize_t splice_some(int from, int to, pipe_ends const& through) {
    ssize_t const n = io::splice(from, nullptr, through.second.fd, nullptr, 64 * 1024, 0);
    for (ssize_t left = n; left > 0;) {
        ssize_t const sent =
            io::splice(through.first.fd, nullptr, to, nullptr, static_cast<std::size_t>(left), 0);
        if (sent < 0)
            return -1;
        left -= sent;
    }
    return n;
}

// Forwards all data. A full buffer says that more wait: from then on splice moves them. For short messages a
// copy is as fast, and needs no pipe.
void forward(int from, int to) {
    std::array<std::byte, 16 * 1024> buffer;
    std::optional<pipe_ends> through;
    ssize_t n = 0;
    do {
        n = through ? splice_some(from, to, *through) : copy_some(from, to, buffer);
        int ends[2];
        if (n == ssize_t{buffer.size()} && !through && ::pipe2(ends, O_CLOEXEC) == 0)
            through.emplace(ends[0], ends[1]);
    } while (n > 0);
    if (n == 0)
        ::shutdown(to, SHUT_WR); // half-close: the other direction goes on
    else
        hang_up(from, to);
}

void connect_through(net::tcp_stream& client, net::endpoint const& address, std::stop_token stop) {
    auto server =
        net::tcp_stream::connect(address, std::chrono::steady_clock::now() + std::chrono::seconds(5));
    descriptor const near(take_socket(client)), far(take_socket(server));
    std::stop_callback const at_stop(stop, [&] { hang_up(near.fd, far.fd); });
    fiber::handle answers = fiber::go([&] { forward(far.fd, near.fd); });
    forward(near.fd, far.fd);
    answers.join();
}

} // namespace

int main(int argc, char** argv) {
    try {
        if (argc != 3)
            throw std::invalid_argument("a port and an address are needed");
        auto const address = net::endpoint::parse(argv[2]);
        std::signal(SIGPIPE, SIG_IGN); // fiber::io raises it, as POSIX does. fiber::net never does
        serve_clients(argv[1], stop_signals(), [&](net::tcp_stream& client, std::stop_token stop) {
            connect_through(client, address, stop);
        });
    } catch (std::exception const& e) {
        std::cerr << "proxy: " << e.what() << "\nusage: proxy PORT ADDRESS\n";
        return 2;
    }
}

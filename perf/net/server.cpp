// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "perf/net/server.hpp"

#include "perf/harness/process.hpp"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>

namespace perf::net {
namespace {

[[noreturn]] void fail(char const* what) {
    std::fprintf(stderr, "%s: %s\n", what, std::strerror(errno));
    std::exit(EXIT_FAILURE);
}

} // namespace

protocol begin_server(int argc, char** argv, char const* version) {
    std::string_view const name = argc == 2 ? argv[1] : "";
    if (name == "version")
        std::exit(std::puts(version) < 0);
    if (name != "echo" && name != "http") {
        std::fprintf(stderr, "usage: %s echo | http | version\n", argv[0]);
        std::exit(2);
    }
    die_with_parent();
    std::signal(SIGPIPE, SIG_IGN);
    rlimit files{};
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    return name == "echo" ? protocol::echo : protocol::http;
}

void announce(std::uint16_t port) {
    std::printf("port %u\n", static_cast<unsigned>(port));
    std::fflush(stdout);
}

int listen_on_loopback() {
    int const listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    if (listener < 0 || bind(listener, generic, size) != 0 || listen(listener, SOMAXCONN) != 0 ||
        getsockname(listener, generic, &size) != 0)
        fail("listen");
    announce(ntohs(address.sin_port));
    return listener;
}

void send_at_once(int connection) {
    int const yes = 1;
    setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
}

} // namespace perf::net

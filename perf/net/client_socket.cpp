// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "perf/net/client_socket.hpp"

#include "perf/harness/format.hpp"
#include "perf/harness/record.hpp"

#include <cerrno>
#include <cstring>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace perf::net {

void client_fails(std::string_view what) {
    broken(joined(what, ": ", errno == 0 ? "end of the connection" : std::strerror(errno)));
}

int connect_to(std::uint16_t port, bool non_blocking) {
    int const fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
        client_fails("connect");
    int const yes = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    if (non_blocking)
        fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

void send_whole(int fd, std::string_view text) {
    errno = 0;
    if (send(fd, text.data(), text.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(text.size()))
        client_fails("send");
}

void check_answer(std::string_view answer, std::size_t at, std::string_view got) {
    if (at + got.size() > answer.size() || answer.substr(at, got.size()) != got)
        broken("a wrong answer: " + std::string(got.substr(0, 200)));
}

} // namespace perf::net

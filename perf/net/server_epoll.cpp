// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// An epoll loop in one thread, written by hand as one writes it in C. Each connection is registered once, for
// edges. A short read says that the socket is empty: no further read looks for EAGAIN, unless the peer has
// ended.
#include "perf/net/server.hpp"

#include <array>
#include <cerrno>
#include <cstdio>
#include <string>

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

using namespace perf::net;

struct connection {
    int fd;
    std::string head{};   // http: what has come of a request
    std::string unsent{}; // while the peer does not read
};

// Sends what it can, and keeps the rest. Returns false if the connection is broken.
bool send_or_keep(connection& c, std::string_view text) {
    if (c.unsent.empty()) {
        auto const n = send(c.fd, text.data(), text.size(), MSG_NOSIGNAL);
        if (n == static_cast<ssize_t>(text.size()))
            return true;
        if (n < 0 && errno != EAGAIN)
            return false;
        text.remove_prefix(n < 0 ? 0 : static_cast<std::size_t>(n));
    }
    c.unsent.append(text);
    return true;
}

bool send_unsent(connection& c) {
    auto const rest = std::move(c.unsent);
    c.unsent.clear();
    return rest.empty() || send_or_keep(c, rest);
}

// Answers what has come. Requests seldom come in parts: `head` is empty then.
bool answer_http(connection& c, std::string_view text) {
    if (!c.head.empty()) {
        c.head.append(text);
        text = c.head;
    }
    for (;;) {
        auto const head = parse_head(text);
        if (head.is_bad())
            return false;
        if (!head.is_complete()) {
            c.head = std::string(text);
            return c.head.size() < http_buffer;
        }
        if (!send_or_keep(c, response) || !head.keep_alive)
            return false;
        text.remove_prefix(head.length);
    }
}

// Returns false at the end of the connection.
bool serve(protocol what, connection& c, std::uint32_t events) {
    static std::array<char, http_buffer> buffer;
    auto const size = what == protocol::echo ? echo_buffer : http_buffer;
    bool const ended = (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
    if (!send_unsent(c))
        return false;
    while (c.unsent.empty()) {
        auto const n = recv(c.fd, buffer.data(), size, 0);
        if (n < 0)
            return errno == EAGAIN;
        std::string_view const text(buffer.data(), static_cast<std::size_t>(n));
        if (n == 0 || !(what == protocol::echo ? send_or_keep(c, text) : answer_http(c, text)))
            return false;
        if (text.size() < size && !ended)
            return true;
    }
    return true;
}

void accept_one(int epoll, int listener) {
    int const fd = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0)
        return;
    send_at_once(fd);
    epoll_event event{.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data = {}};
    event.data.ptr = new connection{fd};
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

} // namespace

int main(int argc, char** argv) {
    auto const what = begin_server(argc, argv, "epoll loop");
    int const listener = listen_on_loopback();
    int const epoll = epoll_create1(EPOLL_CLOEXEC);
    epoll_event event{.events = EPOLLIN, .data = {}}; // a null pointer is the listener
    if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) != 0) {
        std::perror("epoll");
        return 1;
    }
    for (std::array<epoll_event, 256> events;;) {
        int const n = epoll_wait(epoll, events.data(), static_cast<int>(events.size()), -1);
        for (int i = 0; i < n; ++i) {
            auto* const c = static_cast<connection*>(events[static_cast<std::size_t>(i)].data.ptr);
            if (c == nullptr) {
                accept_one(epoll, listener);
            } else if (!serve(what, *c, events[static_cast<std::size_t>(i)].events)) {
                close(c->fd);
                delete c;
            }
        }
    }
}

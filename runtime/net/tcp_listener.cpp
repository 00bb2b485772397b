// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include <fiber/net/tcp_listener.hpp>

#include "runtime/base/process/fatal.hpp"
#include "runtime/net/bound_path.hpp"
#include "runtime/net/failure.hpp"
#include "runtime/net/open_socket.hpp"
#include "runtime/net/socket_calls.hpp"
#include "runtime/net/socket_operation.hpp"

#include <algorithm>
#include <chrono>
#include <netinet/in.h>
#include <sys/socket.h>

namespace fiber::net {
namespace {

using rt::attempt_end;

bool is_inet(int family) noexcept { return family == AF_INET || family == AF_INET6; }

// Sets the options that must be set before bind(). Returns the first error, or 0. Accepted sockets inherit
// what tune_tcp() sets.
long set_options(int fd, int family, listen_options const& options) noexcept {
    if (!is_inet(family))
        return 0;
    rt::tune_tcp(fd);
    long result = rt::set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (result >= 0 && options.reuse_port)
        result = rt::set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    if (result >= 0 && family == AF_INET6)
        result = rt::set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, !options.dual_stack);
    return result;
}

rt::socket_record* listen(endpoint const& at, listen_options const& options) {
    auto const check = [&at](long result) {
        if (result < 0)
            rt::throw_failure(rt::error_of(static_cast<int>(-result)), "listen on", at);
        return static_cast<int>(result);
    };
    int const family = at.family();
    if (!is_inet(family) && family != AF_UNIX)
        check(-EAFNOSUPPORT);
    rt::open_socket socket(check(rt::make_socket(family, SOCK_STREAM)));
    check(set_options(socket.fd(), family, options));
    check(rt::bind_socket(socket.fd(), at));
    auto path = at.path().empty() ? nullptr : std::make_unique<rt::bound_path>(at.path());
    rt::unique_record record(
        socket.into_record(is_inet(family) ? rt::short_count::drains : rt::short_count::says_nothing));
    record->path = std::move(path);
    check(rt::kernel_call(SYS_listen, record->fd(), options.backlog));
    return record.release();
}

// Errors of the connection, which the call has taken from the backlog, or of the network: accept(2).
bool concerns_one_connection(long error) noexcept {
    switch (error) {
    case ECONNABORTED:
    case EINTR:
    case ENETDOWN:
    case EPROTO:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case ENETUNREACH:
        return true;
    default:
        return false;
    }
}

// The connection stays in the backlog, and no event says when there are descriptors again.
bool is_shortage(long error) noexcept {
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

void warn_of_shortage(rt::socket_record& record, int error) {
    if (std::exchange(record.has_warned_of_shortage, true))
        return;
    std::error_code unknown;
    auto const name = to_string(rt::local_name(record.fd(), unknown));
    rt::warn("accept on %s: %s. The connections wait until there are more.", name.c_str(),
             rt::error_of(error).message().c_str());
}

// Returns 0 and sets the descriptor, or the value of errno.
int accept_one(rt::socket_operation& op, long& fd) {
    using namespace std::chrono_literals;
    for (auto pause = 5ms;; pause = std::min(2 * pause, 1000ms)) {
        int const error = op.run([&](rt::readiness) {
            fd = rt::kernel_call(SYS_accept4, op.fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
            if (fd == -EAGAIN)
                return attempt_end::blocked;
            return fd < 0 && concerns_one_connection(-fd) ? attempt_end::repeat : attempt_end::finished;
        });
        if (error != 0 || fd >= 0)
            return error;
        if (!is_shortage(-fd))
            return static_cast<int>(-fd);
        warn_of_shortage(op.record(), static_cast<int>(-fd));
        if (int const end = op.record().pause(rt::direction::read, rt::clock::now() + pause))
            return end;
    }
}

} // namespace

tcp_listener::tcp_listener(endpoint const& at, listen_options options) : socket_handle(listen(at, options)) {}

tcp_stream tcp_listener::accept(std::error_code& code) {
    long fd = -1;
    auto meaning = rt::short_count::says_nothing;
    {
        rt::socket_operation op(record(), rt::direction::read);
        int const error = op.error() != 0 ? op.error() : accept_one(op, fd);
        rt::set_code(code, error);
        if (error == 0 && op.record().short_count_drains())
            meaning = rt::short_count::drains;
    }
    if (code)
        return {};
    return tcp_stream(rt::open_socket(static_cast<int>(fd)).into_record(meaning));
}

tcp_stream tcp_listener::accept() {
    return rt::or_throw([&](std::error_code& error) { return accept(error); }, "accept a connection");
}

} // namespace fiber::net

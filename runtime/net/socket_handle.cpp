// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include <fiber/detail/socket_handle.hpp>

#include "runtime/net/failure.hpp"
#include "runtime/net/socket_calls.hpp"
#include "runtime/net/socket_operation.hpp"

#include <csignal>
#include <ctime>
#include <poll.h>

namespace fiber::detail {

using rt::direction;

socket_handle& socket_handle::operator=(socket_handle&& other) noexcept {
    if (this != &other) {
        this->~socket_handle();
        new (this) socket_handle(std::move(other));
    }
    return *this;
}

socket_handle::~socket_handle() {
    if (record_ == nullptr)
        return;
    record_->close();
    record_->drop_handle();
}

void socket_handle::close() noexcept {
    if (record_ != nullptr)
        record_->close();
}

int socket_handle::release() noexcept { return record_ != nullptr ? record_->release() : -1; }

int socket_handle::native_handle() const noexcept {
    return record_ != nullptr && !record_->closed() ? record_->fd() : -1;
}

void socket_handle::set_deadline(deadline when) noexcept {
    set_read_deadline(when);
    set_write_deadline(when);
}

void socket_handle::set_read_deadline(deadline when) noexcept {
    if (record_ != nullptr)
        record_->set_deadline(direction::read, when);
}

void socket_handle::set_write_deadline(deadline when) noexcept {
    if (record_ != nullptr)
        record_->set_deadline(direction::write, when);
}

net::endpoint socket_handle::local_endpoint(std::error_code& error) const {
    rt::socket_use const use(record_);
    rt::set_code(error, use.error());
    return error ? net::endpoint() : rt::local_name(use.fd(), error);
}

net::endpoint socket_handle::remote_endpoint(std::error_code& error) const {
    rt::socket_use const use(record_);
    rt::set_code(error, use.error());
    return error ? net::endpoint() : rt::peer_name(use.fd(), error);
}

// The attempt leaves a pending error of the socket to the next operation. recv(MSG_PEEK) would take it.
bool socket_handle::wait_readable(deadline until, std::error_code& code) {
    rt::socket_operation op(record_, direction::read, until);
    long result = 0;
    int const error = op.run([&](rt::readiness) {
        pollfd request{op.fd(), POLLIN, 0};
        timespec at_once{};
        result = rt::kernel_call(SYS_ppoll, &request, 1L, &at_once, nullptr, sizeof(std::uint64_t));
        return result == -EINTR ? rt::attempt_end::repeat
               : result == 0    ? rt::attempt_end::blocked
                                : rt::attempt_end::finished;
    });
    if (error == ETIMEDOUT) {
        code.clear();
        return false;
    }
    return rt::finish(error, result, code) != 0;
}

bool socket_handle::wait_readable(std::error_code& error) { return wait_readable(never, error); }

net::endpoint socket_handle::local_endpoint() const {
    return rt::or_throw([&](std::error_code& error) { return local_endpoint(error); },
                        "local address of a socket");
}

net::endpoint socket_handle::remote_endpoint() const {
    return rt::or_throw([&](std::error_code& error) { return remote_endpoint(error); }, "peer of a socket");
}

bool socket_handle::wait_readable(deadline until) {
    return rt::or_throw([&](std::error_code& error) { return wait_readable(until, error); },
                        "wait for a socket");
}

} // namespace fiber::detail

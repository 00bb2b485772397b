// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "runtime/net/connect.hpp"

#include "runtime/io/watched_descriptor.hpp"
#include "runtime/net/failure.hpp"
#include "runtime/net/open_socket.hpp"
#include "runtime/net/socket_calls.hpp"

#include <fiber/go.hpp>

#include <algorithm>
#include <chrono>
#include <netinet/in.h>
#include <sys/socket.h>
#include <vector>

namespace fiber::rt {
namespace {

using namespace std::chrono_literals;

constexpr auto time_to_next_attempt = 250ms; // RFC 8305, section 5
constexpr int max_self_connects = 3;         // in a row, for one endpoint

bool is_inet(net::endpoint const& to) noexcept { return to.family() == AF_INET || to.family() == AF_INET6; }

long call_connect(int fd, net::endpoint const& to) noexcept {
    return rt::kernel_call(SYS_connect, fd, to.data(), static_cast<socklen_t>(to.size()));
}

// A socket on its way to an endpoint.
struct attempt {
    net::endpoint to;
    unique_record record;
    int self_connects = 0;
};

// Returns true if the socket is connected to itself. The system chooses the port of a
// client. If nobody listens on the port that a client connects to, it may choose the same port: then both
// sides send SYN, and the connection stands.
bool is_self_connected(int fd, net::endpoint const& to) {
    std::error_code error;
    auto const here = rt::local_name(fd, error);
    return is_inet(to) && !error && here.port() == to.port() && here == rt::peer_name(fd, error);
}

class connector {
public:
    connector(std::span<net::endpoint const> targets, clock::time_point deadline) noexcept
        : targets_(targets), deadline_(deadline) {}

    [[nodiscard]] socket_record* run(std::error_code& error) {
        while (winner_ == nullptr && !(pending_.empty() && targets_.empty())) {
            auto const now = clock::now();
            if (now >= deadline_) {
                error = error_of(ETIMEDOUT);
                return nullptr;
            }
            if (!targets_.empty() && now >= next_start_) {
                auto const to = targets_.front();
                targets_ = targets_.subspan(1);
                next_start_ = now + time_to_next_attempt;
                start(attempt{to, nullptr});
            } else {
                wait(now);
                look_at_pending();
            }
        }
        error = winner_ != nullptr ? std::error_code() : first_error_;
        return winner_.release();
    }

private:
    void start(attempt a) {
        open_socket socket(static_cast<int>(rt::make_socket(a.to.family(), SOCK_STREAM)));
        if (socket.fd() < 0)
            return fail(-socket.fd());
        if (is_inet(a.to))
            rt::tune_tcp(socket.fd());
        a.record.reset(socket.into_record(is_inet(a.to) ? short_count::drains : short_count::says_nothing));
        long const result = call_connect(a.record->fd(), a.to); // before the move
        advance(std::move(a), result);
    }

    // Goes on after connect() has returned `result`.
    void advance(attempt a, long result) {
        switch (-result) {
        case 0:
        case EISCONN:
            if (!is_self_connected(a.record->fd(), a.to))
                winner_ = std::move(a.record);
            else if (++a.self_connects < max_self_connects)
                start(attempt{a.to, nullptr, a.self_connects});
            else
                fail(ECONNREFUSED);
            return;
        case EINPROGRESS:
        case EALREADY:
        case EINTR:
            pending_.push_back(std::move(a));
            return;
        case EAGAIN: // the backlog of a unix listener is full; for TCP, no port is left
            if (a.to.is_unix()) {
                pending_.push_back(std::move(a));
                return;
            }
            [[fallthrough]];
        default:
            fail(static_cast<int>(-result));
        }
    }

    void fail(int error) noexcept {
        if (!first_error_)
            first_error_ = error_of(error);
        next_start_ = clock::time_point(); // the next one starts at once
    }

    void wait(clock::time_point now) {
        auto const until = std::min(deadline_, targets_.empty() ? never : next_start_);
        if (pending_.front().to.is_unix()) { // no event says that the backlog has room again
            this_fiber::sleep_until(std::min(until, now + pause_));
            pause_ = std::min(2 * pause_, max_pause);
            return;
        }
        std::vector<poll_request> requests;
        for (attempt const& each : pending_)
            requests.push_back({each.record->fd(), direction::write});
        // A failure, for want of memory, is met as a wait that is too short.
        if (wait_for_any(requests, until) == poll_end::failed)
            this_fiber::sleep_until(std::min(until, now + max_pause));
    }

    // Asks each pending socket for its state, by connect(): EALREADY, success or the error. The word of the
    // socket is marked as drained, or the next wait would end at once.
    void look_at_pending() {
        std::vector<attempt> before;
        before.swap(pending_);
        for (attempt& each : before) {
            int const fd = each.record->fd();
            watched_descriptor file(fd, file_owner::library);
            auto const seen = file.ready(direction::write);
            long const result = call_connect(fd, each.to);
            if (result == -EALREADY || result == -EINPROGRESS)
                file.drained(direction::write, seen);
            if (winner_ == nullptr)
                advance(std::move(each), result);
        }
    }

    static constexpr clock::duration max_pause = 50ms;

    std::span<net::endpoint const> targets_; // those without an attempt yet
    clock::time_point const deadline_;
    clock::time_point next_start_{};
    clock::duration pause_ = 1ms;
    std::vector<attempt> pending_;
    unique_record winner_;
    std::error_code first_error_;
};

} // namespace

socket_record* connect_to_any(std::span<net::endpoint const> targets, clock::time_point deadline,
                              std::error_code& error) {
    return connector(targets, deadline).run(error);
}

} // namespace fiber::rt

// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "perf/net/client.hpp"

#include "perf/net/client_socket.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <vector>

#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>

namespace perf::net {
namespace {

std::uint64_t nanoseconds_since(clock::time_point start, clock::time_point now) {
    return static_cast<std::uint64_t>(std::chrono::duration_cast<nanoseconds>(now - start).count());
}

class many : public client {
public:
    many(std::uint16_t port, std::int64_t n, exchange e)
        : what_(e), epoll_(epoll_create1(EPOLL_CLOEXEC)), all_(static_cast<std::size_t>(n)) {
        for (auto& c : all_) {
            c.fd = connect_to(port, true);
            epoll_event event{.events = EPOLLIN | EPOLLET, .data = {}};
            event.data.ptr = &c;
            if (epoll_ctl(epoll_, EPOLL_CTL_ADD, c.fd, &event) != 0)
                client_fails("epoll_ctl");
        }
    }

    std::int64_t run(limit const& until, histogram& latencies) override {
        std::int64_t started = 0, answered = 0;
        auto now = clock::now();
        auto const start = [&](connection& c) {
            ++started;
            c.since = now;
            c.have = 0;
            send_whole(c.fd, what_.request);
        };
        for (auto& c : all_)
            if (started < until.requests) {
                now = clock::now();
                start(c);
            }
        for (std::array<epoll_event, 256> events; answered < started;) {
            int const n = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), -1);
            for (int i = 0; i < n; ++i) {
                auto& c = *static_cast<connection*>(events[static_cast<std::size_t>(i)].data.ptr);
                if (!receive(c))
                    continue;
                now = clock::now();
                latencies.add(nanoseconds_since(c.since, now));
                ++answered;
                if (now < until.end && started < until.requests)
                    start(c);
            }
        }
        return answered;
    }

private:
    struct connection {
        int fd = -1;
        std::size_t have = 0; // of the answer
        clock::time_point since{};
    };

    // Returns true if the answer is complete. There is no more to read then: one request is on its way.
    bool receive(connection& c) const {
        std::array<char, 4096> buffer;
        errno = 0;
        auto const n = recv(c.fd, buffer.data(), buffer.size(), 0);
        if (n < 0 && errno == EAGAIN)
            return false;
        if (n <= 0)
            client_fails("recv");
        auto const size = static_cast<std::size_t>(n);
        check_answer(what_.answer, c.have, {buffer.data(), size});
        c.have += size;
        return c.have == what_.answer.size();
    }

    exchange what_;
    int epoll_;
    std::vector<connection> all_;
};

class one : public client {
public:
    one(std::uint16_t port, exchange e) : what_(e), fd_(connect_to(port, false)) {}

    std::int64_t run(limit const& until, histogram& latencies) override {
        std::int64_t answered = 0;
        for (auto now = clock::now(); now < until.end && answered < until.requests; ++answered) {
            auto const since = now;
            send_whole(fd_, what_.request);
            receive();
            now = clock::now();
            latencies.add(nanoseconds_since(since, now));
        }
        return answered;
    }

private:
    void receive() const {
        std::array<char, 4096> buffer;
        for (std::size_t have = 0; have < what_.answer.size();) {
            errno = 0;
            auto const n = recv(fd_, buffer.data(), buffer.size(), 0);
            if (n <= 0)
                client_fails("recv");
            auto const size = static_cast<std::size_t>(n);
            check_answer(what_.answer, have, {buffer.data(), size});
            have += size;
        }
    }

    exchange what_;
    int fd_;
};

class pipeline : public client {
public:
    pipeline(std::uint16_t port, exchange e) : what_(e), fd_(connect_to(port, false)) {
        for (std::int64_t i = 0; i < window; ++i)
            blocks_.append(e.request);
    }

    // Sends and receives many blocks at a time: the server, which takes them one by one, is the slower end.
    std::int64_t run(limit const& until, histogram& latencies) override {
        std::int64_t started = 0, answered = 0;
        for (auto now = clock::now();; now = clock::now()) {
            for (; (answered + 1) * size() <= received_; ++answered)
                latencies.add(nanoseconds_since(since_[slot(answered)], now));
            auto const next =
                now < until.end ? std::min(until.requests - started, window - (started - answered)) : 0;
            if (next == 0 && answered == started)
                break;
            for (std::int64_t i = 0; i < next; ++i)
                since_[slot(started++)] = now;
            if (next != 0)
                send_whole(fd_, std::string_view(blocks_).substr(0, static_cast<std::size_t>(next * size())));
            receive(std::min(batch, started - answered) * size() - received_ % size());
        }
        received_ = 0;
        return answered;
    }

private:
    static constexpr std::int64_t window = 64, batch = 16; // blocks
    std::int64_t size() const { return static_cast<std::int64_t>(what_.answer.size()); }
    static std::size_t slot(std::int64_t block) { return static_cast<std::size_t>(block % window); }

    // Waits for this many bytes. poll respects SO_RCVLOWAT; recv may take a part and wait for the number
    // again.
    void receive(std::int64_t least) {
        if (auto const mark = static_cast<int>(least); mark != low_mark_) {
            setsockopt(fd_, SOL_SOCKET, SO_RCVLOWAT, &mark, sizeof mark);
            low_mark_ = mark;
        }
        pollfd readable{.fd = fd_, .events = POLLIN, .revents = 0};
        poll(&readable, 1, -1);
        std::array<char, 32 * 1024> buffer;
        errno = 0;
        auto const n = recv(fd_, buffer.data(), buffer.size(), 0);
        if (n <= 0)
            client_fails("recv");
        // All blocks are alike: what follows the rest of one is checked against the blocks that were sent.
        auto const at = static_cast<std::size_t>(received_ % size());
        auto const got = std::string_view(buffer.data(), static_cast<std::size_t>(n));
        auto const rest = std::min(got.size(), what_.answer.size() - at);
        check_answer(what_.answer, at, got.substr(0, rest));
        check_answer(blocks_, 0, got.substr(rest));
        received_ += n;
    }

    exchange what_;
    int fd_;
    std::string blocks_{};
    std::int64_t received_ = 0; // bytes
    int low_mark_ = 1;
    std::array<clock::time_point, window> since_{};
};

} // namespace

std::unique_ptr<client> closed_loop(std::uint16_t port, std::int64_t connections, exchange e) {
    return std::make_unique<many>(port, connections, e);
}
std::unique_ptr<client> one_blocking(std::uint16_t port, exchange e) {
    return std::make_unique<one>(port, e);
}
std::unique_ptr<client> pipelined(std::uint16_t port, exchange e) {
    return std::make_unique<pipeline>(port, e);
}

} // namespace perf::net

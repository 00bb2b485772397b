// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// mixture.hpp: everything that may happen at once in a process: pinned, discarded and blocked
// threads, a changing number of processors, forks, timers, joins, channels, OS threads. Each fiber
// or thread acts by a random sequence.
//
// No cycle of waits may exist. Each kind of act waits only for the things in its line and in the
// lines below:
//   send      consumers, which receive until the channels are closed
//   lock      the mutex; its owner may do any solitary act
//   solitary  the clock, the kernel, an OS mutex that is held for a short time, fibers that the act starts
#pragma once

#include "tests/support/chaos.hpp"
#include "tests/support/child.hpp"
#include "tests/support/expect.hpp"
#include "tests/support/tally.hpp"

#include <fiber/fiber.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <fcntl.h>
#include <mutex>
#include <optional>
#include <poll.h>
#include <stop_token>
#include <unistd.h>
#include <utility>
#include <vector>

namespace tests {

using std::chrono::microseconds;
inline constexpr auto success = fiber::op_status::success;

inline constexpr std::uint64_t acts = 40 * scale; // of each fiber or thread
inline constexpr int max_forks = 4 + 4 * scale;
inline constexpr int deepest = 3; // nested acts

struct mixture {
    explicit mixture(expect& e) : check(e) {}

    expect& check;
    fiber::runtime runtime;
    unsigned const processors = runtime.processors(); // at the start
    std::array<fiber::chan<std::uint64_t>, 3> channels{
        fiber::chan<std::uint64_t>(0), fiber::chan<std::uint64_t>(1), fiber::chan<std::uint64_t>(16)};
    tally sent, received;
    std::atomic<int> started{0}, ended{0};                      // fibers
    std::atomic<int> timers{0}, times{0}, calls{0}, stopped{0}; // each timer adds 1 to one of the last three
    std::atomic<int> forks_left{max_forks};
    fiber::wait_group detached;
    fiber::mutex mutex;
    std::uint64_t locked = 0; // number of locks; guarded by mutex
    std::atomic<std::uint64_t> locks{0};
    std::mutex os_mutex;
};

inline void block(std::uint64_t max_microseconds, chaos& chaos) {
    timespec const time{0, static_cast<long>(chaos.below(max_microseconds)) * 1000};
    ::ppoll(nullptr, 0, &time, nullptr);
}

// Runs in the child of a fork, and uses no object of the parent.
inline bool child_works(std::uint64_t seed) {
    constexpr int fibers = 6;
    fiber::chan<int> const numbers(static_cast<std::size_t>(seed % 3));
    std::vector<fiber::handle> all;
    for (int i = 0; i < fibers; ++i)
        all.push_back(fiber::go([&, i] {
            chaos chaos(seed + static_cast<std::uint64_t>(i));
            if (chaos.below(3) == 0) {
                fiber::thread_pin pin;
                chaos();
                if (chaos.below(2) == 0)
                    pin.discard();
            }
            block(100, chaos);
            fiber::this_fiber::sleep_for(microseconds(chaos.below(100)));
            numbers.send(i);
        }));
    fiber::runtime::global().set_processors(1 + static_cast<unsigned>(seed % 4));
    int sum = 0;
    for (int i = 0; i < fibers; ++i)
        sum += numbers.recv().value();
    for (auto& h : all)
        h.join();
    return sum == fibers * (fibers - 1) / 2 &&
           (seed % 4 != 0 || in_child([&] { return child_works(seed + 1); }) == 0);
}

// One fiber or one OS thread.
class task {
public:
    task(mixture& m, std::uint64_t number) : m_(m), number_(number), chaos_(number) {}

    void produce() {
        for (std::uint64_t i = 0; i < acts; ++i) {
            send((number_ << 32) + i);
            act();
        }
    }
    void consume() {
        auto open = m_.channels;
        auto const from = [&](std::size_t i) {
            return fiber::on_recv(open[i], [this, &c = open[i]](std::optional<std::uint64_t> v) {
                v ? m_.received.add(*v) : static_cast<void>(c = nullptr);
            });
        };
        while (std::any_of(open.begin(), open.end(), [](auto const& c) { return c != nullptr; })) {
            fiber::select(from(0), from(1), from(2));
            if (chaos_.below(8) == 0)
                solitary();
        }
    }

private:
    void send(std::uint64_t value) {
        auto const& to = m_.channels[chaos_.below(3)];
        auto const& other = m_.channels[chaos_.below(3)];
        auto const count = [&] { m_.sent.add(value); };
        switch (chaos_.below(4)) {
        case 0:
            fiber::select(fiber::on_send(to, value, count), fiber::on_send(other, value, count),
                          fiber::on_timeout(microseconds(chaos_.below(50)), nothing));
            break;
        case 1:
            if (to.send_for(std::uint64_t(value), microseconds(chaos_.below(50))) == success)
                count();
            break;
        default:
            to.send(value);
            count();
        }
    }

    void act() {
        if (chaos_.below(8) != 0) {
            solitary();
            return;
        }
        ++m_.locks;
        std::scoped_lock const hold(m_.mutex);
        auto const before = ++m_.locked;
        if (chaos_.below(4) == 0)
            solitary();
        m_.check(m_.locked == before, "one at a time");
    }

    void solitary() {
        if (depth_ == deepest) {
            chaos_();
            return;
        }
        ++depth_;
        switch (chaos_.below(24)) {
        case 0:
        case 1:
            block(300, chaos_);
            break;
        case 2:
            compute();
            break;
        case 3:
            fiber::blocking([&] { solitary(); }); // some acts park without a processor
            break;
        case 4:
        case 5:
            pinned();
            break;
        case 6:
        case 7:
            start_fiber();
            break;
        case 8:
        case 9:
            use_timer();
            break;
        case 10:
            read_pipe();
            break;
        case 11:
            m_.runtime.set_processors(1 + static_cast<unsigned>(chaos_.below(m_.processors + 2)));
            break;
        case 12:
            if (m_.forks_left.fetch_sub(1) > 0)
                m_.check(in_child([&] { return child_works(chaos_.below(1000)); }) == 0,
                         "a child that works");
            break;
        case 13:
            lock_os_mutex();
            break;
        case 14:
            m_.runtime.trim();
            m_.check(m_.runtime.stats().processors > 0, "a processor");
            break;
        case 15:
            fiber::this_fiber::sleep_for(microseconds(chaos_.below(200)));
            break;
        case 16:
        case 17:
            request_stop();
            break;
        case 18:
            fiber::runtime({.processors = 1 + static_cast<unsigned>(chaos_.below(2))}).run([&] {
                solitary();
            });
            break;
        default:
            chaos_();
        }
        --depth_;
    }

    void compute() {
        auto const until = std::chrono::steady_clock::now() + microseconds(chaos_.below(200));
        while (std::chrono::steady_clock::now() < until)
            ;
    }

    void pinned() {
        fiber::thread_pin pin;
        pid_t const here = ::gettid();
        bool const discards = chaos_.below(3) == 0;
        if (discards)
            pin.discard();
        for (auto n = chaos_.below(4); n > 0; --n) {
            solitary();
            m_.check(::gettid() == here, "its own thread");
        }
    }

    // The callback stays on this OS thread, also when it waits.
    void request_stop() {
        fiber::stop_source source;
        std::stop_callback const waits(source.get_token(), [this, here = ::gettid()] {
            solitary();
            m_.check(::gettid() == here, "the requester's thread");
        });
        m_.check(source.request_stop(), "the first request");
    }

    void start_fiber() {
        ++m_.started;
        auto const body = [&m = m_, number = number_ + (1 + chaos_.below(1 << 20)) * 1000, depth = depth_] {
            task child(m, number);
            child.depth_ = depth;
            for (auto n = child.chaos_.below(3); n > 0; --n)
                child.solitary();
            ++m.ended;
        };
        switch (chaos_.below(4)) {
        case 0:
            fiber::thread(body).join();
            break;
        case 1: {
            auto h = fiber::go(body);
            while (!h.join_for(microseconds(chaos_.below(100))))
                chaos_();
            break;
        }
        case 2:
            m_.detached.add();
            fiber::go([&m = m_, body] {
                body();
                m.detached.done();
            }).detach();
            break;
        default: {
            auto h = m_.runtime.go(body);
            solitary();
            h.join();
        }
        }
    }

    void use_timer() {
        auto const time = microseconds(chaos_.below(300));
        std::chrono::steady_clock::time_point at;
        ++m_.timers;
        if (chaos_.below(3) == 0) {
            auto t = fiber::after_func(time, [&m = m_] { ++m.calls; });
            solitary();
            m_.stopped += t.stop() ? 1 : 0;
            return;
        }
        fiber::timer t(time);
        solitary();
        if (chaos_.below(2) == 0 && t.channel().recv_for(at, microseconds(chaos_.below(300))) == success) {
            ++m_.times;
            m_.check(!t.stop(), "its time has been received");
        } else {
            m_.check(t.stop(), "its time has not been received");
            m_.check(t.channel().try_recv(at) != success, "a stopped timer");
            ++m_.stopped;
        }
    }

    // Blocks the OS thread until another fiber has written to the pipe.
    void read_pipe() {
        std::array<int, 2> ends{};
        if (!m_.check(::pipe2(ends.data(), O_CLOEXEC) == 0, "a pipe"))
            return;
        auto writer = fiber::go([to = ends[1], seed = number_ + chaos_.below(1 << 20)] {
            chaos chaos(seed);
            chaos();
            [[maybe_unused]] auto const written = ::write(to, "x", 1);
        });
        char got = 0;
        m_.check(::read(ends[0], &got, 1) == 1 && got == 'x', "what was written");
        writer.join();
        ::close(ends[0]);
        ::close(ends[1]);
    }

    // Holds the OS mutex during a wait. Fibers that lock it at this time block their OS threads.
    void lock_os_mutex() {
        fiber::thread_pin const pin;
        std::scoped_lock const hold(m_.os_mutex);
        chaos_();
        block(50, chaos_);
    }

    mixture& m_;
    std::uint64_t number_;
    chaos chaos_;
    int depth_ = 0;
};

} // namespace tests

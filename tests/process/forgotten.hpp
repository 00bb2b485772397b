// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// forgotten.hpp: kinds of programs that forget their fibers. Each starts three fibers, which wait for ever.
// Mended, it has the line that was missing, and all fibers end.
#pragma once

#include <fiber/fiber.hpp>
#include <fiber/net.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <mutex>
#include <span>
#include <sys/socket.h>

namespace tests {

using namespace std::chrono_literals;
inline constexpr int forgotten_fibers = 3;

inline void nobody_sends(bool mended) {
    fiber::chan<int> requests;
    for (int i = 0; i < forgotten_fibers; ++i)
        fiber::go([requests] {
            for (int const request : requests)
                static_cast<void>(request);
        });
    if (mended)
        requests.close();
}

// The caller has given up before the results come. A buffer lets the senders end.
inline void nobody_receives(bool mended) {
    fiber::chan<int> const results(mended ? forgotten_fibers : 0);
    for (int i = 0; i < forgotten_fibers; ++i)
        fiber::go([results, i] { fiber::chan<int>(results).send(i); });
}

// Each fiber reports an error, and then the success, too.
inline void sent_twice(bool mended) {
    for (int i = 0; i < forgotten_fibers; ++i) {
        fiber::chan<int> outcome(1);
        fiber::go([outcome, mended]() mutable {
            outcome.send(-1);
            if (!mended)
                outcome.send(0);
        });
    }
}

inline void never_unlocked(bool mended) {
    static fiber::mutex m;
    m.lock();
    for (int i = 0; i < forgotten_fibers; ++i)
        fiber::go([] { std::scoped_lock const hold(m); });
    if (mended)
        m.unlock();
}

inline void never_done(bool mended) {
    static fiber::wait_group tasks;
    tasks.add(2);
    for (int i = 0; i < forgotten_fibers; ++i)
        fiber::go([] { tasks.wait(); });
    tasks.done();
    if (mended)
        tasks.done();
}

inline void joins_the_forgotten(bool mended) {
    fiber::chan<int> gate;
    for (int i = 0; i < forgotten_fibers; ++i)
        fiber::go([gate] {
            auto child = fiber::go([gate]() mutable { static_cast<void>(gate.recv()); });
            child.join();
        });
    if (mended)
        gate.close();
}

inline void promise_not_kept(bool mended) {
    static auto* const promised = new fiber::promise<int>; // its destructor would end the wait at exit
    auto const answer = promised->get_future().share();
    for (int i = 0; i < forgotten_fibers; ++i)
        fiber::go([answer] { static_cast<void>(answer.get()); });
    if (mended)
        promised->set_value(1);
}

inline void dead_cases(bool mended) {
    fiber::chan<int> requests, quit;
    for (int i = 0; i < forgotten_fibers; ++i)
        fiber::go([requests, quit] {
            fiber::select(fiber::on_recv(requests, [](auto) {}), fiber::on_recv(quit, [](auto) {}));
        });
    if (mended)
        quit.close();
}

inline void never_notified(bool mended) {
    static fiber::mutex m;
    static fiber::condition_variable changed;
    static bool ready = false;
    for (int i = 0; i < forgotten_fibers; ++i)
        fiber::go([] {
            std::unique_lock hold(m);
            changed.wait(hold, [] { return ready; });
        });
    std::scoped_lock const hold(m);
    ready = mended;
    if (mended)
        changed.notify_all();
}

inline void never_released(bool mended) {
    static fiber::counting_semaphore<> permits(0);
    for (int i = 0; i < forgotten_fibers; ++i)
        fiber::go([] { permits.acquire(); });
    if (mended)
        permits.release(forgotten_fibers);
}

inline void one_does_not_arrive(bool mended) {
    static fiber::barrier<> meeting(forgotten_fibers + 1);
    for (int i = 0; i < forgotten_fibers; ++i)
        fiber::go([] { meeting.arrive_and_wait(); });
    if (mended)
        static_cast<void>(meeting.arrive());
}

inline void sleeps_for_ages(bool mended) {
    for (int i = 0; i < forgotten_fibers; ++i)
        fiber::go([mended] { fiber::this_fiber::sleep_for(mended ? 1ms : 1000h); });
}

inline void never_cancelled(bool mended) {
    static auto const work = fiber::context::with_cancel(fiber::context::background());
    for (int i = 0; i < forgotten_fibers; ++i)
        fiber::go([done = work.done()]() mutable { static_cast<void>(done.recv()); });
    if (mended)
        work.cancel();
}

inline void peer_does_not_answer(bool mended) {
    for (int i = 0; i < forgotten_fibers; ++i) {
        std::array<int, 2> ends{};
        if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
            std::abort();
        // A wait in fiber::io would end after 5 ms to look again, and begin anew.
        fiber::go([own = fiber::net::tcp_stream(ends[0])]() mutable {
            std::byte answer{};
            static_cast<void>(own.read_some(std::span(&answer, 1)));
        });
        if (mended)
            ::shutdown(ends[1], SHUT_RDWR);
    }
}

} // namespace tests

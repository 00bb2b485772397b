// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// misuse_test.cpp: each detected misuse of sync aborts with a message.
#include "sync/caller_name.hpp"
#include "tests/support/catch.hpp"

#include <fiber/barrier.hpp>
#include <fiber/condition_variable.hpp>
#include <fiber/go.hpp>
#include <fiber/latch.hpp>
#include <fiber/mutex.hpp>
#include <fiber/runtime.hpp>
#include <fiber/semaphore.hpp>
#include <fiber/shared_mutex.hpp>
#include <fiber/wait_group.hpp>
#include <fiber/weighted_semaphore.hpp>

#include <array>
#include <chrono>
#include <csignal>
#include <memory>
#include <mutex>
#include <regex>
#include <shared_mutex>
#include <string>
#include <sys/resource.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <utility>

namespace {

// Runs f in a child process. Returns the output on stderr if the child aborts.
template <class F>
std::string dying_words(F f) {
    std::array<int, 2> ends{};
    REQUIRE(::pipe(ends.data()) == 0);
    ::pid_t const child = ::fork();
    if (child == 0) {
        ::rlimit const no_core{0, 0};
        ::setrlimit(RLIMIT_CORE, &no_core);
        ::signal(SIGABRT, SIG_DFL); // removes Catch2's handler
        ::dup2(ends[1], STDERR_FILENO);
        f();
        ::_exit(0);
    }
    ::close(ends[1]);
    std::string words;
    std::array<char, 256> some{};
    for (::ssize_t n = 0; (n = ::read(ends[0], some.data(), some.size())) > 0;)
        words.append(some.data(), static_cast<std::size_t>(n));
    ::close(ends[0]);
    int status = 0;
    ::waitpid(child, &status, 0);
    bool const aborted = WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
    return aborted ? words : "did not abort. " + words;
}

// Compares words with a message that has ADDRESS in place of the address, and no name of the caller.
void check_words(std::string const& words, std::string const& expected) {
    auto const addressed = std::regex_replace(words, std::regex("0x[0-9a-f]+"), "ADDRESS");
    CHECK(std::regex_replace(addressed, std::regex(" \\(in (fiber|OS thread) [0-9]+( \"main\")?\\)"), "") ==
          "fiber: fiber::" + expected + "\n");
    CHECK(addressed != "fiber: fiber::" + expected + "\n");
}

// Runs f in one fiber while another fiber is parked in wait(). f must end the wait.
template <class Wait, class F>
void while_one_waits(Wait wait, F f) {
    fiber::runtime runtime({.processors = 1});
    runtime.run([&] {
        auto waiter = fiber::go(wait);
        fiber::this_fiber::yield(); // the waiter has the only processor until it parks
        f();
        waiter.join();
    });
}

} // namespace

TEST_CASE("unlocking a free mutex aborts with a message", "[mutex][misuse]") {
    check_words(dying_words([] {
                    fiber::mutex m;
                    m.unlock();
                }),
                "mutex ADDRESS: unlocked, but it was not locked");
}

TEST_CASE("destroying a locked mutex aborts with a message", "[mutex][misuse]") {
    check_words(dying_words([] { std::make_unique<fiber::mutex>()->lock(); }),
                "mutex ADDRESS: destroyed while it is locked");
}

TEST_CASE("destroying a mutex with waiters aborts with a message", "[mutex][misuse]") {
    auto m = std::make_unique<fiber::mutex>();
    m->lock();
    while_one_waits([&] { std::scoped_lock guard(*m); },
                    [&] {
                        check_words(dying_words([&] { m.reset(); }),
                                    "mutex ADDRESS: destroyed while others wait for it");
                        m->unlock();
                    });
}

TEST_CASE("destroying a condition_variable with waiters aborts with a message",
          "[condition_variable][misuse]") {
    fiber::mutex m;
    auto cv = std::make_unique<fiber::condition_variable>();
    while_one_waits(
        [&] {
            std::unique_lock lock(m);
            cv->wait(lock);
        },
        [&] {
            check_words(dying_words([&] { cv.reset(); }),
                        "condition_variable ADDRESS: destroyed while others wait for it");
            cv->notify_one();
        });
}

TEST_CASE("waiting without holding the lock aborts with a message", "[condition_variable][misuse]") {
    check_words(dying_words([] {
                    fiber::mutex m;
                    fiber::condition_variable cv;
                    std::unique_lock lock(m, std::defer_lock);
                    cv.wait(lock);
                }),
                "condition_variable ADDRESS: waited on with a lock that does not hold its mutex");
}

TEST_CASE("destroying a wait_group with waiters aborts with a message", "[wait_group][misuse]") {
    auto wg = std::make_unique<fiber::wait_group>();
    wg->add();
    while_one_waits([&] { wg->wait(); },
                    [&] {
                        check_words(dying_words([&] { wg.reset(); }),
                                    "wait_group ADDRESS: destroyed while others wait for it");
                        wg->done();
                    });
}

TEST_CASE("destroying any other object with waiters aborts with a message", "[misuse]") {
    auto const in_use = [](auto object, std::string const& kind, auto wait, auto end) {
        while_one_waits([&] { wait(*object); },
                        [&] {
                            check_words(dying_words([&] { object.reset(); }),
                                        kind + " ADDRESS: destroyed while others wait for it");
                            end(*object);
                        });
    };
    in_use(
        std::make_unique<fiber::counting_semaphore<>>(0), "counting_semaphore", [](auto& s) { s.acquire(); },
        [](auto& s) { s.release(); });
    auto weighted = std::make_unique<fiber::weighted_semaphore>(2);
    weighted->acquire(1);
    in_use(
        std::move(weighted), "weighted_semaphore", [](auto& s) { s.acquire(2); },
        [](auto& s) { s.release(1); });
    in_use(
        std::make_unique<fiber::latch>(1), "latch", [](auto& l) { l.wait(); },
        [](auto& l) { l.count_down(); });
    in_use(
        std::make_unique<fiber::barrier<>>(2), "barrier", [](auto& b) { b.arrive_and_wait(); },
        [](auto& b) { b.arrive_and_drop(); });
    auto shared = std::make_unique<fiber::shared_mutex>();
    shared->lock();
    in_use(
        std::move(shared), "shared_mutex", [](auto& m) { std::shared_lock lock(m); },
        [](auto& m) { m.unlock(); });
    auto timed = std::make_unique<fiber::timed_mutex>();
    timed->lock();
    in_use(
        std::move(timed), "timed_mutex", [](auto& m) { std::unique_lock lock(m, std::chrono::hours(1)); },
        [](auto& m) { m.unlock(); });
    in_use(
        std::make_unique<fiber::condition_variable_any>(), "condition_variable",
        [](auto& cv) {
            fiber::recursive_mutex m;
            std::unique_lock lock(m);
            cv.wait(lock);
        },
        [](auto& cv) { cv.notify_one(); });
}

TEST_CASE("destroying a locked or shared shared_mutex aborts with a message", "[shared_mutex][misuse]") {
    auto const words = "shared_mutex ADDRESS: destroyed while it is locked";
    check_words(dying_words([] { std::make_unique<fiber::shared_mutex>()->lock(); }), words);
    check_words(dying_words([] { std::make_unique<fiber::shared_mutex>()->lock_shared(); }), words);
    check_words(dying_words([] {
                    auto m = std::make_unique<fiber::shared_mutex>();
                    for (int i = 0; i < 300; ++i) // the mutex is biased: the next reader is in the table
                        std::shared_lock lock(*m);
                    m->lock_shared();
                    m.reset();
                }),
                words);
}

TEST_CASE("invalid counts abort with a message", "[misuse]") {
    check_words(dying_words([] { static_cast<void>(std::make_unique<fiber::latch>(-1)); }),
                "latch ADDRESS: made with a count below zero, or above max()");
    check_words(dying_words([] { static_cast<void>(std::make_unique<fiber::barrier<>>(-1)); }),
                "barrier ADDRESS: made with a count below zero");
    check_words(dying_words([] { static_cast<void>(std::make_unique<fiber::binary_semaphore>(2)); }),
                "counting_semaphore ADDRESS: made with a count below zero, or above max()");
    check_words(dying_words([] { fiber::counting_semaphore<>(0).release(-1); }),
                "counting_semaphore ADDRESS: released below zero, or above max()");
    check_words(dying_words([] { static_cast<void>(fiber::barrier<>(1).arrive(0)); }),
                "barrier ADDRESS: more arrivals than expected in a phase, or less than one");
}

TEST_CASE("a static mutex may be locked when the process exits", "[mutex][misuse]") {
    static constinit fiber::mutex m;
    CHECK(dying_words([] {
              m.lock();
              m.~mutex(); // as exit() calls it
          }) == "did not abort. ");
}

TEST_CASE("a message names an OS thread by its kernel thread id", "[misuse]") {
    CHECK(std::string(fiber::rt::name_of_caller().text) == "OS thread " + std::to_string(::gettid()));
    std::string name, number;
    std::thread([&] {
        name = fiber::rt::name_of_caller().text;
        number = std::to_string(::gettid());
    }).join();
    CHECK(name == "OS thread " + number);
    fiber::run([&] { name = fiber::rt::name_of_caller().text; });
    CHECK(std::regex_match(name, std::regex("fiber [0-9]+")));
}

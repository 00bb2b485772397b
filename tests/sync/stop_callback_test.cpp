// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// stop_callback_test.cpp: tests stop callbacks that wait, with every kind of stop request. A
// callback stays on its OS thread, and no other fiber runs on that thread.
#include "tests/support/catch.hpp"
#include "tests/support/expect.hpp"

#include <fiber/fiber.hpp>

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <pthread.h>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

using namespace std::chrono_literals;

static_assert(std::is_same_v<fiber::stop_token, std::stop_token>);
static_assert(std::is_same_v<fiber::stop_callback<void (*)()>, std::stop_callback<void (*)()>>);
static_assert(std::is_convertible_v<fiber::stop_source, std::stop_source>);
static_assert(std::is_convertible_v<std::stop_source, fiber::stop_source>);
static_assert(std::is_nothrow_move_constructible_v<fiber::stop_source>);
static_assert(sizeof(fiber::stop_source) == sizeof(std::stop_source));
static_assert(!std::is_convertible_v<fiber::nostopstate_t, fiber::stop_source>);

namespace {

using callback = std::stop_callback<std::function<void()>>;

// An object with a stop token. The stop is requested by its owner, by a plain std::stop_source
// above it, or in its destructor.
struct stoppable {
    char const* name;
    std::stop_token token;
    std::function<void()> request_stop;
};

template <class T>
stoppable make(char const* name, T object, std::stop_token (*token)(T&), void (*request_stop)(T&)) {
    auto const shared = std::make_shared<T>(std::move(object));
    return {name, token(*shared), [=] { request_stop(*shared); }};
}

fiber::jthread idle_jthread() {
    return fiber::jthread([](std::stop_token) {});
}

struct child_group {
    std::stop_source bare;
    fiber::group child{bare.get_token()};
};

struct child_context {
    std::stop_source bare;
    fiber::context child = fiber::context::with_stop_token(fiber::context::background(), bare.get_token());
};

std::vector<stoppable> everything_that_stops() {
    using fiber::context, fiber::group, fiber::jthread, fiber::stop_source;
    using owned_group = std::unique_ptr<group>;
    std::vector<stoppable> all;
    all.push_back(make<stop_source>(
        "stop_source", {}, [](stop_source& s) { return s.get_token(); },
        [](stop_source& s) { s.request_stop(); }));
    all.push_back(make<jthread>(
        "jthread::request_stop", idle_jthread(), [](jthread& t) { return t.get_stop_token(); },
        [](jthread& t) { t.request_stop(); }));
    all.push_back(make<jthread>(
        "jthread::get_stop_source", idle_jthread(), [](jthread& t) { return t.get_stop_token(); },
        [](jthread& t) { t.get_stop_source().request_stop(); }));
    all.push_back(make<jthread>(
        "~jthread", idle_jthread(), [](jthread& t) { return t.get_stop_token(); },
        [](jthread& t) { t = jthread(); }));
    all.push_back(make<owned_group>(
        "group::request_stop", std::make_unique<group>(), [](owned_group& g) { return g->stop_token(); },
        [](owned_group& g) { g->request_stop(); }));
    all.push_back(make<owned_group>(
        "~group", std::make_unique<group>(), [](owned_group& g) { return g->stop_token(); },
        [](owned_group& g) { g.reset(); }));
    all.push_back(make<owned_group>(
        "an exception in a group", std::make_unique<group>(), [](owned_group& g) { return g->stop_token(); },
        [](owned_group& g) {
            g->go([] { throw 1; });
            try {
                g->wait();
            } catch (int) {
            }
        }));
    all.push_back(make<std::unique_ptr<child_group>>(
        "a group below a std::stop_source", std::make_unique<child_group>(),
        [](std::unique_ptr<child_group>& p) { return p->child.stop_token(); },
        [](std::unique_ptr<child_group>& p) { p->bare.request_stop(); }));
    all.push_back(make<context>(
        "context::cancel", context::with_cancel(context::background()),
        [](context& c) { return c.stop_token(); }, [](context& c) { c.cancel(); }));
    all.push_back(make<std::unique_ptr<child_context>>(
        "a context below a std::stop_source", std::make_unique<child_context>(),
        [](std::unique_ptr<child_context>& p) { return p->child.stop_token(); },
        [](std::unique_ptr<child_context>& p) { p->bare.request_stop(); }));
    return all;
}

// Runs f in a fiber, and in an OS thread.
template <class F>
void in_either(F const& f) {
    fiber::run(f);
    std::thread(f).join();
}

bool is_this_thread(pthread_t t) { return ::pthread_equal(::pthread_self(), t) != 0; }

} // namespace

TEST_CASE("the destructor of a stop_callback waits for a waiting callback", "[stop_callback]") {
    tests::expect expect;
    std::size_t const kinds = everything_that_stops().size();
    for (std::size_t i = 0; i < kinds; ++i)
        in_either([&] {
            stoppable const it = everything_that_stops()[i];
            fiber::binary_semaphore entered(0), go_on(0);
            std::atomic<bool> ended{false};
            std::optional<callback> registered(std::in_place, it.token, [&] {
                entered.release();
                go_on.acquire();
                ended = true;
            });
            auto const destroy = [&] {
                entered.acquire();
                go_on.release();
                registered.reset();
                expect(ended, it.name);
            };
            fiber::handle destroyer = fiber::go(destroy);
            it.request_stop();
            destroyer.join();
        });
}

TEST_CASE("a stop_callback may destroy itself after a wait", "[stop_callback]") {
    tests::expect expect;
    std::size_t const kinds = everything_that_stops().size();
    for (std::size_t i = 0; i < kinds; ++i)
        in_either([&] {
            stoppable const it = everything_that_stops()[i];
            fiber::binary_semaphore entered(0), go_on(0);
            std::atomic<bool> stop_busy{false};
            std::optional<callback> registered(std::in_place, it.token, [&] {
                entered.release();
                go_on.acquire();
                registered.reset();
            });
            // These fibers take the requester's processor while the requester waits. It would
            // continue on another OS thread if it were not pinned.
            std::vector<fiber::handle> busy;
            for (int n = 0; n < 2; ++n)
                busy.push_back(fiber::go([&] {
                    while (!stop_busy)
                        fiber::this_fiber::yield();
                }));
            fiber::handle helper = fiber::go([&] {
                entered.acquire();
                go_on.release();
            });
            it.request_stop();
            expect(!registered.has_value(), it.name);
            stop_busy = true;
            helper.join();
            for (auto& h : busy)
                h.join();
        });
}

TEST_CASE("a waiting stop callback keeps its OS thread, alone", "[stop_callback]") {
    tests::expect expect;
    for (unsigned const processors : {1u, 2u, 4u}) {
        fiber::runtime runtime({.processors = processors});
        runtime.run([&] {
            std::atomic<bool> in_callback{false}, stop{false};
            std::atomic<pthread_t> mine{};
            std::vector<fiber::handle> others;
            for (int i = 0; i < 4; ++i)
                others.push_back(fiber::go([&] {
                    while (!stop) {
                        if (in_callback)
                            expect(!is_this_thread(mine), "on the callback's thread");
                        fiber::this_fiber::yield();
                    }
                }));
            fiber::chan<int> ch;
            fiber::stop_source inner, outer;
            callback const waits(inner.get_token(), [&] {
                mine = ::pthread_self();
                fiber::this_fiber::yield();
                expect(is_this_thread(mine), "after a yield");
                in_callback = true;
                ch.recv();
                expect(is_this_thread(mine), "after a channel");
                fiber::this_fiber::sleep_for(1ms);
                expect(is_this_thread(mine), "after a sleep");
                fiber::thread_pin const pin;
                fiber::this_fiber::yield();
                expect(is_this_thread(mine), "under a thread_pin");
                in_callback = false;
            });
            callback const nested(outer.get_token(), [&] {
                inner.request_stop();
                expect(is_this_thread(mine), "after a stop in a stop");
                ch.recv();
                expect(is_this_thread(mine), "after a wait behind that");
            });
            fiber::handle sender = fiber::go([&] {
                ch.send(1);
                ch.send(2);
            });
            outer.request_stop();
            stop = true;
            sender.join();
            for (auto& h : others)
                h.join();
        });
    }
}

TEST_CASE("a stop without waiting callbacks takes no OS thread", "[stop_callback]") {
    fiber::runtime runtime({.processors = 1});
    auto const before = runtime.stats().machines;
    runtime.run([&] {
        fiber::stop_source source;
        fiber::condition_variable_any changed;
        fiber::mutex mutex;
        fiber::handle waiter = fiber::go([&] {
            std::unique_lock lock(mutex);
            changed.wait(lock, source.get_token(), [] { return false; });
        });
        fiber::this_fiber::yield();
        callback const starts_and_wakes(source.get_token(), [&] {
            fiber::go([] {});
            changed.notify_all();
        });
        source.request_stop();
        CHECK(runtime.stats().machines == before);
        waiter.join();
        fiber::stop_source other;
        callback const waits(other.get_token(), [] { fiber::this_fiber::sleep_for(1us); });
        other.request_stop();
        CHECK(runtime.stats().machines == before + 1);
    });
}

TEST_CASE("a stop callback waits although no new OS thread can be made", "[stop_callback]") {
    for (unsigned const processors : {1u, 2u}) {
        fiber::runtime full({.processors = processors, .max_machines = processors});
        full.run([&] {
            fiber::binary_semaphore go_on(0);
            fiber::stop_source source;
            int steps = 0;
            callback const waits(source.get_token(), [&] {
                fiber::this_fiber::yield();
                ++steps;
                fiber::this_fiber::sleep_for(1ms);
                ++steps;
                if (processors > 1)
                    go_on.acquire();
                ++steps;
            });
            fiber::handle other = fiber::go([&] { go_on.release(); });
            source.request_stop();
            CHECK(steps == 3);
            other.join();
        });
    }
}

TEST_CASE("a stop_source shares its state with its std::stop_source", "[stop_callback]") {
    fiber::stop_source ours;
    std::stop_source theirs = ours;
    CHECK(theirs == ours);
    int calls = 0;
    callback const counts(theirs.get_token(), [&] { ++calls; });
    CHECK(ours.request_stop());
    CHECK_FALSE(theirs.request_stop());
    CHECK_FALSE(ours.request_stop());
    CHECK(calls == 1);
    fiber::stop_source const back = theirs;
    CHECK(back.stop_requested());
    fiber::stop_source none(fiber::nostopstate);
    CHECK_FALSE(none.stop_possible());
    CHECK_FALSE(none.request_stop());
    swap(none, ours);
    CHECK(none.stop_requested());
    std::stop_source const from_thread = fiber::jthread().get_stop_source();
    CHECK_FALSE(from_thread.stop_possible());
}

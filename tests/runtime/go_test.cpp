// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// go_test.cpp: fiber::go and fiber::handle.

#include "tests/support/catch.hpp"
#include "tests/support/code_of.hpp"
#include "tests/support/leaks.hpp"

#include <fiber/go.hpp>
#include <fiber/runtime.hpp>

#include <array>
#include <atomic>
#include <cerrno>
#include <cfenv>
#include <chrono>
#include <memory>
#include <sstream>
#include <string>
#include <system_error>
#include <thread>
#include <unordered_set>
#include <unwind.h>
#include <vector>

using namespace std::chrono_literals;

namespace {

// Holds fibers back until any fiber or thread opens it.
class gate {
public:
    void open() { open_.store(true); }
    void pass() const {
        while (!open_.load())
            fiber::this_fiber::yield();
    }

private:
    std::atomic<bool> open_{false};
};

// Returns errno. Compilers keep errno's address across calls, also across a call that resumes on
// another OS thread. This function is noinline and therefore computes the address anew.
[[gnu::noinline]] int error_now() {
    asm volatile("" ::: "memory");
    return errno;
}

// Returns the raised floating-point flags that a switch saves. The flags of the x87 unit and of
// aarch64 stay with the OS thread: asm/README.md.
int own_flags_raised() {
#if defined(__x86_64__)
    return static_cast<int>(__builtin_ia32_stmxcsr()) & (FE_DIVBYZERO | FE_INVALID);
#else
    return 0;
#endif
}

} // namespace

TEST_CASE("go runs the callable with decayed copies of its arguments", "[go]") {
    tests::no_leaks no_leaks;
    std::string text = "before";
    int by_reference = 0;
    std::string seen;
    fiber::handle h = fiber::go(
        [&seen](std::string s, int& n) {
            seen = std::move(s);
            n = 7;
        },
        text, std::ref(by_reference));
    text = "after";
    h.join();
    CHECK(seen == "before");
    CHECK(by_reference == 7);
}

TEST_CASE("go takes move-only callables, member functions and large closures", "[go]") {
    tests::no_leaks no_leaks;
    struct counter {
        int n = 0;
        void add(int k) { n += k; }
    } c;
    fiber::go(&counter::add, &c, 5).join();
    CHECK(c.n == 5);
    auto p = std::make_unique<int>(3);
    fiber::go([&c, p = std::move(p)] { c.n += *p; }).join();
    CHECK(c.n == 8);
    std::array<int, 1000> big{};
    big.back() = 9;
    fiber::go([&c, big] { c.n += big.back(); }).join();
    CHECK(c.n == 17);
    struct alignas(256) aligned {
        int n = 1;
    };
    bool right = false;
    fiber::go([&right](aligned a) { right = reinterpret_cast<std::uintptr_t>(&a) % 256 == 0 && a.n == 1; },
              aligned{})
        .join();
    CHECK(right);
}

TEST_CASE("the closure is destroyed before join returns", "[go]") {
    auto const token = std::make_shared<int>(0);
    fiber::go([token] {}).join();
    CHECK(token.use_count() == 1);
    std::array<char, 500> padding{};
    fiber::go([token, padding] { static_cast<void>(padding); }).join();
    CHECK(token.use_count() == 1);
}

TEST_CASE("a closure with a throwing copy constructor leaks nothing", "[go]") {
    tests::no_leaks no_leaks;
    struct thrower {
        thrower() = default;
        thrower(thrower const&) { throw std::runtime_error("no copy"); }
        void operator()() const {}
    };
    thrower const t;
    CHECK_THROWS_AS(fiber::go(t), std::runtime_error);
    CHECK_THROWS_AS(fiber::go({.stack_size = 1 << 20}, t), std::runtime_error);
    fiber::go([] {}).join();
}

TEST_CASE("a handle is joinable until join, detach or a move from it", "[go]") {
    tests::no_leaks no_leaks;
    fiber::handle none;
    CHECK_FALSE(none.joinable());
    CHECK(none.get_id() == fiber::id());
    fiber::handle a = fiber::go([] {});
    CHECK(a.joinable());
    CHECK(a.get_id() != fiber::id());
    fiber::handle b = std::move(a);
    CHECK_FALSE(a.joinable());
    b.join();
    CHECK_FALSE(b.joinable());
    fiber::handle c = fiber::go([] {});
    c.detach();
    CHECK_FALSE(c.joinable());
}

TEST_CASE("join and detach of a non-joinable handle throw invalid_argument", "[go]") {
    fiber::handle h = fiber::go([] {});
    h.join();
    CHECK(tests::code_of([&] { h.join(); }) == std::errc::invalid_argument);
    CHECK(tests::code_of([&] { h.detach(); }) == std::errc::invalid_argument);
    CHECK(tests::code_of([&] { static_cast<void>(h.join_for(1s)); }) == std::errc::invalid_argument);
}

TEST_CASE("a join of the calling fiber throws resource_deadlock_would_occur", "[go]") {
    fiber::run([] {
        fiber::handle self;
        gate assigned;
        std::error_code code;
        self = fiber::go([&] {
            assigned.pass();
            code = tests::code_of([&] { self.join(); });
        });
        assigned.open();
        self.join();
        CHECK(code == std::errc::resource_deadlock_would_occur);
    });
}

TEST_CASE("move assignment to a joinable handle detaches its fiber", "[go]") {
    tests::no_leaks no_leaks;
    gate g;
    std::atomic<bool> ran{false};
    fiber::handle h = fiber::go([&] {
        g.pass();
        ran.store(true);
    });
    h = fiber::go([] {});
    h.join();
    CHECK_FALSE(ran.load());
    g.open();
    while (!ran.load())
        std::this_thread::yield();
}

TEST_CASE("join_for reports the fiber's end, and a handle stays joinable until then", "[go]") {
    tests::no_leaks no_leaks;
    auto const body = [] {
        gate g;
        fiber::handle h = fiber::go([&] { g.pass(); });
        CHECK_FALSE(h.join_for(0ms));
        CHECK_FALSE(h.join_for(5ms));
        CHECK_FALSE(h.join_for(-1h));
        CHECK_FALSE(h.join_until(std::chrono::system_clock::now() + 5ms));
        CHECK(h.joinable());
        g.open();
        CHECK(h.join_for(std::chrono::hours::max()));
        CHECK_FALSE(h.joinable());
    };
    SECTION("from a fiber") { fiber::run(body); }
    SECTION("from an OS thread") { body(); }
}

TEST_CASE("writes of a fiber happen before its join returns", "[go]") {
    for (int i = 0; i < 200; ++i) {
        int plain = 0; // not atomic: ThreadSanitizer would report a race
        fiber::handle h = fiber::go([&] { plain = i + 1; });
        h.join();
        REQUIRE(plain == i + 1);
    }
}

TEST_CASE("a fiber started by a fiber runs on the same runtime", "[go]") {
    fiber::runtime other({.processors = 1});
    other.run([&] {
        CHECK(other.stats().fibers_live == 1);
        std::atomic<std::size_t> live{0};
        fiber::go([&] { live = other.stats().fibers_live; }).join();
        CHECK(live == 2);
    });
}

TEST_CASE("attributes give a fiber its name and stack size", "[go]") {
    std::string name;
    std::size_t small = 0, large = 0;
    fiber::go({.name = std::string("worker 7"), .stack_size = 64 * 1024}, [&] {
        name = fiber::this_fiber::name();
        small = fiber::this_fiber::stack_remaining();
    }).join();
    fiber::go({.stack_size = 8 << 20}, [&] {
        char deep[7 << 20];
        for (std::size_t i = 0; i < sizeof deep; i += 4096)
            deep[i] = 1;
        asm volatile("" : : "r"(deep) : "memory"); // keeps the compiler from removing the array
        large = fiber::this_fiber::stack_remaining();
    }).join();
    CHECK(name == "worker 7");
    CHECK(small > 50 * 1024);
    CHECK(small < 64 * 1024);
    CHECK(large < 1 << 20);
    fiber::go([&] { name = fiber::this_fiber::name(); }).join();
    CHECK(name.empty());
}

TEST_CASE("ids are unique, ordered, hashed and printed", "[go]") {
    fiber::handle a = fiber::go([] {}), b = fiber::go([] {});
    auto const ia = a.get_id(), ib = b.get_id();
    CHECK(ia != ib);
    CHECK((ia < ib || ib < ia));
    std::unordered_set<fiber::id> const set{ia, ib, ia, fiber::id()};
    CHECK(set.size() == 3);
    std::ostringstream out;
    out << ia;
    CHECK_FALSE(out.str().empty());
    a.join();
    b.join();
}

TEST_CASE("get_id returns the handle's id in a fiber, and a distinct id in each OS thread", "[go]") {
    fiber::id inside;
    fiber::handle h = fiber::go([&] { inside = fiber::this_fiber::get_id(); });
    auto const outside = h.get_id();
    h.join();
    CHECK(inside == outside);
    auto const mine = fiber::this_fiber::get_id();
    CHECK(mine == fiber::this_fiber::get_id());
    fiber::id other;
    std::thread([&] { other = fiber::this_fiber::get_id(); }).join();
    CHECK(other != mine);
    CHECK(other != fiber::id());
}

TEST_CASE("running_in_fiber returns true in a fiber and false in an OS thread", "[go]") {
    CHECK_FALSE(fiber::running_in_fiber());
    CHECK(fiber::run([] { return fiber::running_in_fiber(); }));
}

TEST_CASE("blocking runs its function and returns the result", "[go]") {
    int n = 1;
    CHECK(&fiber::blocking([&]() -> int& { return n; }) == &n);
    CHECK(fiber::run([] { return fiber::blocking([] { return 5; }); }) == 5);
}

TEST_CASE("a fiber starts without errno and with default floating-point modes on a used stack", "[go]") {
    auto const dirty = [](bool parks) {
        if (parks)
            fiber::this_fiber::sleep_for(1ms);
        std::fesetround(FE_UPWARD);
        std::feraiseexcept(FE_DIVBYZERO | FE_INVALID);
        errno = EPERM;
    };
    fiber::run([&] {
        for (bool const parks : {false, true})
            for (std::size_t const size : {std::size_t{0}, std::size_t{1} << 20}) {
                for (int i = 0; i < 20; ++i)
                    fiber::go({.stack_size = size}, dirty, parks).join();
                int rounding = -1, error = -1, raised = -1;
                fiber::go({.stack_size = size}, [&] {
                    rounding = std::fegetround();
                    raised = own_flags_raised();
                    error = errno;
                }).join();
                CHECK(rounding == FE_TONEAREST);
                CHECK(raised == 0);
                CHECK(error == 0);
            }
        std::atomic<int> wrong{0};
        std::vector<fiber::handle> all; // run one after the other on one stack
        for (int i = 0; i < 20; ++i)
            all.push_back(fiber::go([&] {
                wrong += std::fegetround() != FE_TONEAREST || errno != 0;
                dirty(false);
            }));
        for (auto& h : all)
            h.join();
        CHECK(wrong == 0);
    });
}

TEST_CASE("a backtrace ends at the fiber's first frame", "[go]") {
    auto const depth = fiber::run([] {
        std::size_t frames = 0;
        ::_Unwind_Backtrace(
            [](_Unwind_Context*, void* n) {
                return ++*static_cast<std::size_t*>(n) < 1000 ? _URC_NO_REASON : _URC_NORMAL_STOP;
            },
            &frames);
        return frames;
    });
    CHECK(depth > 2);
    CHECK(depth < 100);
}

TEST_CASE("a parked fiber keeps errno and its exceptions in handling", "[go]") {
    fiber::run([] {
        std::string first, second;
        auto const body = [](std::string& seen, char const* what, int error) {
            try {
                errno = error;
                throw std::runtime_error(what);
            } catch (...) {
                errno = error;
                fiber::this_fiber::sleep_for(1ms);
                if (error_now() == error)
                    try {
                        throw;
                    } catch (std::exception const& e) {
                        seen = e.what();
                    }
            }
        };
        auto a = fiber::go(body, std::ref(first), "one", 101);
        auto b = fiber::go(body, std::ref(second), "two", 102);
        a.join();
        b.join();
        CHECK(first == "one");
        CHECK(second == "two");
    });
}

// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// Signal handlers on fibers with small segments.

#include "tests/segmented/at_each_depth.hpp"
#include "tests/support/catch.hpp"

#include <fiber/fiber.hpp>
#include <fiber/stack.hpp>

#include <csetjmp>
#include <csignal>
#include <cstddef>
#include <pthread.h>
#include <type_traits>

namespace {

// Installs a signal handler for the lifetime of the object.
class handled {
public:
    template <class Handler>
    handled(int signal, Handler to) : signal_(signal) {
        struct sigaction how {};
        if constexpr (std::is_same_v<Handler, void (*)(int)>) {
            how.sa_handler = to;
        } else {
            how.sa_sigaction = to;
            how.sa_flags = SA_SIGINFO;
        }
        REQUIRE(sigaction(signal, &how, &before_) == 0);
    }
    ~handled() { sigaction(signal_, &before_, nullptr); }
    handled(handled const&) = delete;
    handled& operator=(handled const&) = delete;

private:
    int signal_;
    struct sigaction before_ {};
};

std::size_t volatile reached = 0;
int volatile value_sent = 0;

void descends(int) { reached = reached + tests::descend(16'000); }
void takes_a_value(int, siginfo_t* info, void*) { value_sent = value_sent + info->si_value.sival_int; }

TEST_CASE("a handler has enough stack at each depth", "[segmented]") {
    handled const here(SIGUSR1, descends);
    reached = 0;
    tests::at_each_depth([&] { std::raise(SIGUSR1); });
    CHECK(reached == tests::depths * tests::descend(16'000));
}

TEST_CASE("a handler with three parameters gets its arguments", "[segmented]") {
    handled const here(SIGUSR2, takes_a_value);
    value_sent = 0;
    fiber::run([] {
        sigval value{};
        value.sival_int = 7;
        REQUIRE(pthread_sigqueue(pthread_self(), SIGUSR2, value) == 0);
    });
    CHECK(value_sent == 7);
}

TEST_CASE("sigaction and signal return the program's handlers", "[segmented]") {
    handled const here(SIGUSR2, takes_a_value);
    struct sigaction found {};
    REQUIRE(sigaction(SIGUSR2, nullptr, &found) == 0);
    CHECK(found.sa_sigaction == takes_a_value);
    CHECK(reinterpret_cast<void*>(std::signal(SIGUSR2, descends)) == reinterpret_cast<void*>(takes_a_value));
    CHECK(std::signal(SIGUSR2, SIG_IGN) == descends);
    std::raise(SIGUSR2);
    CHECK(std::signal(SIGUSR2, SIG_DFL) == SIG_IGN);
    struct sigaction const any{};
    CHECK(sigaction(SIGKILL, &any, nullptr) == -1);
    CHECK(sigaction(0, &any, nullptr) == -1);
}

// ── jumps out of a handler ──

sigjmp_buf recovered;
void recover(int) { siglongjmp(recovered, 3); }

[[gnu::noinline]] bool recovers() {
    std::size_t volatile const room = fiber::this_fiber::stack_remaining();
    int const value = sigsetjmp(recovered, 1);
    if (value == 0)
        fiber::with_stack(fiber::this_fiber::stack_remaining() + 1, [] { std::raise(SIGUSR1); });
    return value == 3 && fiber::this_fiber::stack_remaining() == room;
}

TEST_CASE("a handler jumps out of itself across the ends of segments", "[segmented]") {
    handled const here(SIGUSR1, recover);
    int right = 0;
    tests::at_each_depth([&] { right += recovers() ? 1 : 0; });
    CHECK(right == tests::depths);
}

std::jmp_buf within;
int volatile came_back = 0;
void jumps_within(int) {
    if (setjmp(within) == 0)
        std::longjmp(within, 1);
    came_back = came_back + 1;
}

TEST_CASE("a handler jumps within itself", "[segmented]") {
    handled const here(SIGUSR1, jumps_within);
    came_back = 0;
    tests::at_each_depth([&] {
        std::raise(SIGUSR1);
        static_cast<void>(tests::descend(3000));
    });
    CHECK(came_back == tests::depths);
}

} // namespace

// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// hook_specific_test.cpp: the values of pthread keys in fibers.

#include "tests/hook/short_wait.hpp"
#include "tests/support/descriptors.hpp"
#include "tests/support/expect.hpp"

#include <fiber/latch.hpp>
#include <fiber/runtime.hpp>
#include <fiber/wait_group.hpp>

#include <atomic>
#include <pthread.h>
#include <thread>
#include <threads.h>
#include <unistd.h>

namespace {

std::atomic<int> destroyed{0};
pthread_key_t second{};

struct key {
    explicit key(void (*destroy)(void*) = nullptr) {
        tests::must(::pthread_key_create(&number, destroy) == 0);
    }
    ~key() { ::pthread_key_delete(number); }
    key(key const&) = delete;
    key& operator=(key const&) = delete;
    pthread_key_t number{};
};

// A key that is made before all constructors, that of the hook library included. Constructors of shared
// libraries make keys as early.
pthread_key_t early{};
[[gnu::section(".preinit_array"), gnu::used]] void (*const make_early)() = [] {
    static_cast<void>(::pthread_key_create(&early, nullptr));
};

void check_that_each_fiber_has_its_own(pthread_key_t key) {
    tests::expect expect;
    fiber::run([&] {
        constexpr int fibers = 100;
        fiber::latch all_have_set(fibers);
        fiber::wait_group all;
        for (int i = 0; i < fibers; ++i)
            all.go([&] {
                int mine = 0;
                expect(::pthread_getspecific(key) == nullptr, "null at first");
                expect(::pthread_setspecific(key, &mine) == 0, "set");
                all_have_set.arrive_and_wait();
                expect(::pthread_getspecific(key) == &mine, "the same after a wait");
                expect(::pthread_setspecific(key, nullptr) == 0, "set to null");
                expect(::pthread_getspecific(key) == nullptr, "null again");
            });
        all.wait();
    });
}

} // namespace

TEST_CASE("each fiber has its own values of pthread keys", "[hook]") {
    key const k;
    check_that_each_fiber_has_its_own(k.number);
    int of_thread = 0;
    CHECK(::pthread_setspecific(k.number, &of_thread) == 0);
    fiber::run([&] { CHECK(::pthread_getspecific(k.number) == nullptr); });
    CHECK(::pthread_getspecific(k.number) == &of_thread);
}

TEST_CASE("a destructor sees the values of later keys, whatever was set first", "[hook]") {
    static void* seen = nullptr;
    static pthread_key_t later{};
    key const first([](void*) { seen = ::pthread_getspecific(later); });
    key const plain;
    later = plain.number;
    REQUIRE(first.number < later);
    seen = nullptr;
    int value = 0;
    fiber::run([&] {
        ::pthread_setspecific(later, &value);
        ::pthread_setspecific(first.number, &value);
    });
    CHECK(seen == &value);
}

TEST_CASE("destructors of pthread keys run at the fiber's end, and may set values and wait", "[hook]") {
    destroyed = 0;
    key const last([](void*) { ++destroyed; });
    second = last.number;
    key const k([](void* value) {
        tests::short_wait();
        ++destroyed;
        ::pthread_setspecific(second, value);
    });
    int values[20]{};
    for (int& value : values)
        fiber::run([&] { CHECK(::pthread_setspecific(k.number, &value) == 0); });
    CHECK(destroyed == 40);
}

TEST_CASE("each fiber has its own values of thread-specific storage of C11", "[hook]") {
    destroyed = 0;
    tss_t storage{};
    REQUIRE(::tss_create(&storage, [](void*) { ++destroyed; }) == thrd_success);
    check_that_each_fiber_has_its_own(storage);
    CHECK(destroyed == 0);
    int of_thread = 0;
    int of_fiber = 0;
    CHECK(::tss_set(storage, &of_thread) == thrd_success);
    fiber::run([&] {
        CHECK(::tss_get(storage) == nullptr);
        CHECK(::tss_set(storage, &of_fiber) == thrd_success);
        tests::short_wait();
        CHECK(::tss_get(storage) == &of_fiber);
    });
    CHECK(destroyed == 1);
    CHECK(::tss_get(storage) == &of_thread);
    ::tss_delete(storage);
}

TEST_CASE("each fiber has its own values of a key that is older than the hook library", "[hook]") {
    check_that_each_fiber_has_its_own(early);
}

TEST_CASE("a key that is made again has no old values", "[hook]") {
    fiber::run([] {
        int value = 0;
        pthread_key_t before{};
        {
            key const k;
            before = k.number;
            CHECK(::pthread_setspecific(k.number, &value) == 0);
        }
        key const k;
        CHECK(k.number == before);
        CHECK(::pthread_getspecific(k.number) == nullptr);
        CHECK(::pthread_setspecific(100'000, &value) != 0);
        key many[40];
        for (key& each : many)
            CHECK(::pthread_setspecific(each.number, &each) == 0);
        for (key const& each : many)
            CHECK(::pthread_getspecific(each.number) == &each);
    });
}

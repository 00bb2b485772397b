// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// hook_harmless_test.cpp: where a change of the OS thread would do harm, hooked calls are plain.

#include "tests/hook/short_wait.hpp"
#include "tests/support/descriptors.hpp"
#include "tests/support/expect.hpp"
#include "tests/support/last_error.hpp"
#include "tests/support/sockets.hpp"

#include <fiber/runtime.hpp>
#include <fiber/stack.hpp>
#include <fiber/wait_group.hpp>

#include <atomic>
#include <cerrno>
#include <csetjmp>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <dlfcn.h>
#include <mutex>
#include <poll.h>
#include <pthread.h>
#include <shared_mutex>
#include <spawn.h>
#include <string>
#include <sys/time.h>
#include <sys/wait.h>
#include <threads.h>
#include <unistd.h>

namespace {

fiber::runtime_stats stats() { return fiber::runtime::global().stats(); }

// Runs call() twice in a fiber, under the lock and after it. Checks that the first one was plain, and that
// the second one may park.
template <class Lock>
void check_plain_under(Lock& lock) {
    fiber::run([&] {
        auto const before = stats();
        {
            std::lock_guard const hold(lock);
            CHECK(tests::short_wait());
        }
        CHECK(stats().hooked_under_lock == before.hooked_under_lock + 1);
        CHECK(tests::short_wait());
        CHECK(stats().hooked_under_lock == before.hooked_under_lock + 1);
        if (lock.try_lock()) {
            CHECK(tests::short_wait());
            lock.unlock();
        }
        CHECK(stats().hooked_under_lock == before.hooked_under_lock + 2);
        auto const parked = stats().hooked_parked;
        CHECK(tests::short_wait());
        CHECK(stats().hooked_parked > parked);
    });
}

std::atomic<int> handled{0};
int pipe_of_handler = -1;

} // namespace

TEST_CASE("calls are plain while a lock of libpthread is held", "[hook]") {
    std::mutex plain;
    check_plain_under(plain);
    std::recursive_mutex recursive;
    check_plain_under(recursive);
    std::timed_mutex timed;
    check_plain_under(timed);
    std::shared_mutex shared;
    check_plain_under(shared);
    fiber::run([&] {
        auto const before = stats().hooked_under_lock;
        CHECK(timed.try_lock_for(std::chrono::milliseconds(1)));
        CHECK(tests::short_wait());
        timed.unlock();
        shared.lock_shared();
        CHECK(tests::short_wait());
        shared.unlock_shared();
        pthread_spinlock_t spin;
        ::pthread_spin_init(&spin, PTHREAD_PROCESS_PRIVATE);
        ::pthread_spin_lock(&spin);
        CHECK(tests::short_wait());
        ::pthread_spin_unlock(&spin);
        ::flockfile(stdin);
        CHECK(tests::short_wait());
        ::funlockfile(stdin);
        CHECK(stats().hooked_under_lock == before + 4);
    });
}

TEST_CASE("calls are plain while a mutex of C11 is held", "[hook]") {
    mtx_t mutex;
    REQUIRE(::mtx_init(&mutex, mtx_timed) == thrd_success);
    fiber::run([&] {
        auto const before = stats();
        REQUIRE(::mtx_lock(&mutex) == thrd_success);
        CHECK(tests::short_wait());
        CHECK(::mtx_trylock(&mutex) == thrd_busy);
        REQUIRE(::mtx_unlock(&mutex) == thrd_success);
        REQUIRE(::mtx_trylock(&mutex) == thrd_success);
        CHECK(tests::short_wait());
        REQUIRE(::mtx_unlock(&mutex) == thrd_success);
        timespec const until{};
        REQUIRE(::mtx_timedlock(&mutex, &until) == thrd_success);
        CHECK(tests::short_wait());
        REQUIRE(::mtx_unlock(&mutex) == thrd_success);
        CHECK(stats().hooked_under_lock == before.hooked_under_lock + 3);
        CHECK(tests::short_wait());
        CHECK(stats().hooked_parked > before.hooked_parked);
    });
    ::mtx_destroy(&mutex);
}

TEST_CASE("a recursive mutex that is held across a read excludes the other fibers", "[hook]") {
    tests::expect expect;
    std::recursive_mutex mutex;
    int inside = 0;
    auto const pair = tests::pipe_pair();
    auto const before = stats(); // counts of the whole process
    fiber::runtime one({.processors = 1});
    fiber::wait_group all;
    for (int i = 0; i < 8; ++i) {
        all.add();
        one.go([&] {
            mutex.lock();
            expect(++inside == 1, "alone under the mutex");
            char c = 0;
            expect(::read(pair.in.get(), &c, 1) == 1, "read");
            --inside;
            mutex.unlock();
            all.done();
        });
    }
    for (unsigned i = 0; i < 8; ++i) {
        tests::until([&] { return stats().hooked_under_lock == before.hooked_under_lock + i + 1; });
        expect(::write(pair.out.get(), "x", 1) == 1, "write");
    }
    all.wait();
}

TEST_CASE("a handler that writes and closes works in fibers", "[hook]") {
    tests::expect expect;
    auto const pair = tests::pipe_pair();
    pipe_of_handler = pair.out.get();
    handled = 0;
    struct sigaction before {};
    struct sigaction action {};
    action.sa_handler = [](int) {
        int const saved = tests::last_error();
        if (::write(pipe_of_handler, "x", 1) == 1)
            ++handled;
        ::close(::dup(pipe_of_handler));
        errno = saved;
    };
    action.sa_flags = SA_RESTART;
    tests::must(::sigaction(SIGALRM, &action, &before) == 0);
    struct sigaction seen {};
    tests::must(::sigaction(SIGALRM, nullptr, &seen) == 0);
    CHECK(seen.sa_handler == action.sa_handler);
    itimerval const often{{0, 1000}, {0, 1000}};
    tests::must(::setitimer(ITIMER_REAL, &often, nullptr) == 0);
    std::atomic<bool> stop{false};
    fiber::run([&] {
        fiber::wait_group all;
        for (int i = 0; i < 4; ++i)
            all.go([&] {
                while (!stop) {
                    char text[16];
                    expect(::read(pair.in.get(), text, sizeof text) > 0, "read");
                }
            });
        tests::until([] { return handled >= 300; });
        stop = true;
        for (int i = 0; i < 4; ++i)
            expect(::write(pair.out.get(), "0123456789abcdef", 16) == 16, "write");
        all.wait();
    });
    itimerval const never{};
    tests::must(::setitimer(ITIMER_REAL, &never, nullptr) == 0);
    tests::must(::sigaction(SIGALRM, &before, &seen) == 0);
    CHECK(seen.sa_handler == action.sa_handler);
    CHECK(handled >= 300);
}

TEST_CASE("a handler on the fiber's own stack does not park, and longjmp out of it is noticed", "[hook]") {
    struct sigaction action {};
    struct sigaction before {};
    action.sa_handler = [](int) { tests::short_wait(); };
    tests::must(::sigaction(SIGUSR1, &action, &before) == 0);
    fiber::run([] {
        auto const seen = stats();
        ::raise(SIGUSR1);
        CHECK(stats().hooked_in_handler == seen.hooked_in_handler + 1);
        CHECK(tests::short_wait());
        CHECK(stats().hooked_in_handler == seen.hooked_in_handler + 1);
        CHECK(stats().hooked_parked > seen.hooked_parked);
    });
    static sigjmp_buf place;
    ::signal(SIGUSR1, [](int) { ::siglongjmp(place, 1); });
    fiber::run([] {
        if (sigsetjmp(place, 1) == 0) {
            ::raise(SIGUSR1);
            FAIL("the handler has returned");
        }
        auto const parked = stats().hooked_parked;
        CHECK(tests::short_wait());
        CHECK(stats().hooked_parked == parked + 1);
    });
    auto* const second = ::signal(SIGUSR1, SIG_DFL);
    CHECK((second != SIG_DFL && second != SIG_ERR));
    tests::must(::sigaction(SIGUSR1, &before, nullptr) == 0);
}

TEST_CASE("vfork and exec, popen, system and posix_spawn work in fibers", "[hook]") {
    tests::expect expect;
    auto const waited_for = tests::pipe_pair();
    fiber::run([&] {
        fiber::wait_group all, children;
        all.go([&] { // it must not be woken by what the children close
            char c = 0;
            expect(::read(waited_for.in.get(), &c, 1) == 1 && c == 'x', "the read that waits");
        });
        for (int i = 0; i < 20; ++i)
            children.go([&, i] {
                auto const pair = tests::pipe_pair();
                pid_t const child = ::vfork();
                if (child == 0) {
                    ::dup2(pair.out.get(), 1);
                    ::close(waited_for.in.get());
                    ::execl("/bin/sh", "sh", "-c", "echo child", nullptr);
                    ::_exit(127);
                }
                if (!expect(child > 0, "vfork"))
                    return;
                char text[16]{};
                expect(::read(pair.in.get(), text, sizeof text) == 6 && std::string(text) == "child\n",
                       "its line");
                int status = -1;
                expect(::waitpid(child, &status, 0) == child && status == 0, "waitpid");
                std::FILE* const from = ::popen(("echo " + std::to_string(i)).c_str(), "r");
                int number = -1;
                expect(from != nullptr && std::fscanf(from, "%d", &number) == 1 && number == i, "popen");
                expect(::pclose(from) == 0, "pclose");
                expect(std::system("true") == 0, "system");
                char const* const arguments[] = {"true", nullptr};
                pid_t spawned = -1;
                expect(::posix_spawnp(&spawned, "true", nullptr, nullptr, const_cast<char**>(arguments),
                                      environ) == 0,
                       "posix_spawn");
                expect(::waitpid(spawned, &status, 0) == spawned && status == 0, "waitpid of it");
                expect(tests::short_wait(), "a wait");
            });
        children.wait();
        expect(::write(waited_for.out.get(), "x", 1) == 1, "write");
        all.wait();
    });
    // In an OS thread, too.
    pid_t const child = ::vfork();
    if (child == 0)
        ::_exit(3);
    int status = 0;
    CHECK(::waitpid(child, &status, 0) == child);
    CHECK(WEXITSTATUS(status) == 3);
}

TEST_CASE("a child of vfork that waits does not park", "[hook]") {
    fiber::run([] {
        auto const before = stats();
        pid_t const child = ::vfork();
        if (child == 0) {
            ::_exit(tests::short_wait() ? 0 : 1);
        }
        int status = -1;
        CHECK(::waitpid(child, &status, 0) == child);
        CHECK(status == 0);
        CHECK(stats().hooked_in_vfork == before.hooked_in_vfork + 1);
        auto const parked = stats().hooked_parked;
        CHECK(tests::short_wait());
        CHECK(stats().hooked_parked == parked + 1);
    });
}

TEST_CASE("calls park on the stack of with_stack", "[hook]") {
    fiber::run([] {
        auto const before = stats();
        fiber::with_stack(std::size_t{4} << 20, [] { CHECK(tests::short_wait()); });
        CHECK(tests::short_wait());
        CHECK(stats().hooked_parked == before.hooked_parked + 2);
        CHECK(stats().hooked_on_foreign_stack == before.hooked_on_foreign_stack);
    });
}

TEST_CASE("calls park after dlopen has returned", "[hook]") {
    fiber::run([] {
        void* const library = ::dlopen("libm.so.6", RTLD_NOW);
        CHECK(library != nullptr);
        auto const parked = stats().hooked_parked;
        CHECK(tests::short_wait());
        CHECK(stats().hooked_parked == parked + 1);
        if (library != nullptr)
            CHECK(::dlclose(library) == 0);
        CHECK(tests::short_wait());
        CHECK(stats().hooked_parked == parked + 2);
    });
}

TEST_CASE("calls in the constructors and destructors of a library do not park", "[hook]") {
    fiber::run([] {
        void* const other = ::dlopen("libm.so.6", RTLD_NOW); // no hooked call tells of its return
        auto const before = stats();
        for (unsigned i = 1; i <= 3; ++i) {
            void* const library = ::dlopen(FIBER_WAITING_LIBRARY, RTLD_NOW);
            REQUIRE(library != nullptr);
            CHECK(stats().hooked_in_loader == before.hooked_in_loader + 2 * i - 1);
            CHECK(::dlclose(library) == 0);
            CHECK(stats().hooked_in_loader == before.hooked_in_loader + 2 * i);
        }
        CHECK(stats().hooked_parked == before.hooked_parked);
        CHECK(tests::short_wait());
        CHECK(stats().hooked_parked == before.hooked_parked + 1);
        CHECK(::dlclose(other) == 0);
    });
}

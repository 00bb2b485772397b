// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// fork_test: fork without exec from fibers and OS threads, where the child keeps one thread. Also
// fork with exec and similar functions from fibers. tests/process holds the programs that exit by
// themselves.

#include "tests/support/catch.hpp"
#include "tests/support/child.hpp"
#include "tests/support/expect.hpp"
#include "tests/support/procs.hpp"

#include <fiber/fiber.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <optional>
#include <pthread.h>
#include <spawn.h>
#include <string>
#include <system_error>
#include <thread>
#include <unistd.h>
#include <vector>

using namespace std::chrono_literals;
using tests::in_child;
using tests::status_of;

namespace {

// Uses fibers, joins, locks, channels and timers. Returns true if all of them work.
bool all_works() {
    constexpr int fibers = 20, rounds = 20;
    fiber::chan<int> numbers, sums(4);
    fiber::mutex lock;
    fiber::condition_variable changed;
    fiber::wait_group group;
    int ready = 0;
    std::vector<fiber::handle> all;
    for (int i = 0; i < fibers; ++i) {
        group.add();
        all.push_back(fiber::go([&] {
            {
                std::unique_lock hold(lock);
                ++ready;
                changed.notify_all();
                changed.wait(hold, [&] { return ready == fibers; });
            }
            int sum = 0;
            for (int n = 0; n < rounds; ++n) {
                sum += numbers.recv().value();
                fiber::this_fiber::yield();
            }
            fiber::this_fiber::sleep_for(100us);
            group.done();
            sums.send(sum);
        }));
    }
    fiber::handle source = fiber::go([&] {
        for (int n = 0; n < fibers * rounds; ++n)
            numbers.send(n);
    });
    int total = 0;
    for (int i = 0; i < fibers; ++i)
        total += sums.recv().value();
    group.wait();
    source.join();
    for (auto& h : all)
        h.join();
    return total == fibers * rounds * (fibers * rounds - 1) / 2 && fiber::run([] { return 7; }) == 7;
}

// Keeps a runtime busy until its destructor. A fork can interrupt it in many different operations.
class load {
public:
    explicit load(fiber::runtime& runtime) {
        for (int i = 0; i < 8; ++i)
            all_.push_back(runtime.go([this, i] { run(i); }));
    }
    ~load() {
        stop_ = true;
        for (auto& h : all_)
            h.join();
    }

private:
    void run(int i) {
        fiber::local<int> local;
        while (!stop_.load()) {
            switch (i % 4) {
            case 0:
                fiber::go({.name = "short"}, [] {}).join();
                break;
            case 1:
                fiber::this_fiber::sleep_for(50us);
                break;
            case 2: {
                std::unique_lock hold(lock_);
                static_cast<void>(changed_.wait_for(hold, 20us));
                break;
            }
            default:
                fiber::go({.stack_size = 64 << 10}, [&] { local.get() = 1; }).join();
                changed_.notify_one();
            }
        }
    }
    std::atomic<bool> stop_{false};
    fiber::mutex lock_;
    fiber::condition_variable changed_;
    std::vector<fiber::handle> all_;
};

} // namespace

TEST_CASE("a child of an OS thread gets a new runtime at its next go", "[fork]") {
    REQUIRE(all_works());
    CHECK(in_child(all_works) == 0);
    CHECK(all_works());
}

// [mutex.bias] The kernel must abort the child's rseq critical sections as it does in the parent.
TEST_CASE("a mutex biased before a fork can be waited for in the child", "[fork]") {
    fiber::mutex lock;
    fiber::run([&] { std::scoped_lock hold(lock); });
    CHECK(in_child([&] {
              return fiber::run([&] {
                  lock.lock();
                  auto waiter = fiber::go([&] { std::scoped_lock hold(lock); });
                  for (int i = 0; i < 100; ++i)
                      fiber::this_fiber::yield();
                  lock.unlock();
                  waiter.join();
                  return lock.try_lock();
              });
          }) == 0);
}

TEST_CASE("a child of a thread without prior use of the library can use the library", "[fork]") {
    int status = -1;
    std::thread([&] { status = in_child(all_works); }).join();
    CHECK(status == 0);
}

TEST_CASE("a child of a fiber continues as an OS thread and gets a new runtime at its next go", "[fork]") {
    tests::on_processors([] {
        REQUIRE(fiber::running_in_fiber());
        CHECK(in_child([] { return !fiber::running_in_fiber() && all_works(); }) == 0);
        CHECK(all_works());
    });
}

TEST_CASE("a child of a fiber gets a new id and no name, and keeps its stack and locals", "[fork]") {
    fiber::runtime r({.processors = 2});
    fiber::local<int> local;
    r.go({.name = "parent", .stack_size = 1 << 20}, [&] {
         local.get() = 42;
         auto const mine = fiber::this_fiber::get_id();
         CHECK(in_child([&] {
                   auto const room = fiber::this_fiber::stack_remaining();
                   return fiber::this_fiber::get_id() != mine && fiber::this_fiber::get_id() != fiber::id() &&
                          fiber::this_fiber::name().empty() && local.get() == 42 && room > 900 * 1024 &&
                          room < (1 << 20);
               }) == 0);
         CHECK(fiber::this_fiber::get_id() == mine);
     }).join();
}

TEST_CASE("an OS thread keeps its fiber-local variables in a child", "[fork]") {
    fiber::local<int> local;
    local.get() = 42;
    CHECK(in_child([&] { return local.get() == 42; }) == 0);
}

TEST_CASE("a reference to the global runtime is valid in a child", "[fork]") {
    fiber::runtime& global = fiber::runtime::global();
    CHECK(in_child([&] {
              global.set_processors(1);
              return global.run([] { return 7; }) == 7 && fiber::runtime::global().processors() == 1;
          }) == 0);
}

TEST_CASE("another runtime is unusable in a child: go throws, the destructor does not wait", "[fork]") {
    auto r = std::make_unique<fiber::runtime>(fiber::runtime_options{.processors = 2});
    fiber::chan<bool> gate;
    fiber::handle const waits = r->go([gate] { static_cast<void>(gate.recv()); });
    auto const use = [&r] {
        bool refused = false;
        try {
            r->go([] {});
        } catch (std::system_error const& e) {
            refused = e.code() == std::errc::operation_not_permitted;
        }
        r.reset();
        return refused && all_works();
    };
    CHECK(in_child(use) == 0);
    fiber::run([&] { CHECK(in_child(use) == 0); });
    r->run([&] { CHECK(in_child(use) == 0); }); // forks from a fiber of that runtime
    gate.close();
}

TEST_CASE("join and detach of a parent's fiber return at once in a child", "[fork]") {
    fiber::chan<bool> gate;
    std::array<fiber::handle, 3> waiting;
    for (auto& h : waiting)
        h = fiber::go([gate] { static_cast<void>(gate.recv()); });
    fiber::handle ended = fiber::go([] {});
    while (!ended.join_for(1h))
        ;
    CHECK(in_child([&] {
              waiting[0].join();
              waiting[1].detach();
              return waiting[2].join_for(1h) && all_works();
          }) == 0);
    gate.close();
    for (auto& h : waiting)
        h.join();
}

TEST_CASE("a mutex that another fiber holds stays locked in a child", "[fork]") {
    fiber::mutex lock;
    fiber::chan<bool> held, release;
    fiber::handle const h = fiber::go([&] {
        std::lock_guard const hold(lock);
        held.send(true);
        static_cast<void>(release.recv());
    });
    static_cast<void>(held.recv());
    CHECK(in_child([&] { return !lock.try_lock() && all_works(); }) == 0);
    release.send(true);
    std::lock_guard const hold(lock);
}

TEST_CASE("the forking thread or fiber still owns its mutex in a child, despite waiters", "[fork]") {
    auto const forks_holding = [] {
        fiber::mutex lock;
        std::unique_lock hold(lock);
        std::vector<fiber::handle> all;
        fiber::runtime others({.processors = 2});
        std::atomic<int> trying{0};
        for (int i = 0; i < 4; ++i)
            all.push_back(others.go([&] {
                ++trying;
                std::lock_guard const mine(lock);
            }));
        while (trying.load() < 4 || others.stats().fibers_parked < 4)
            fiber::this_fiber::sleep_for(1ms); // gives them time to request a grant of the lock
        CHECK(in_child([&] {
                  hold.unlock();
                  for (int i = 0; i < 3; ++i)
                      std::lock_guard const again(lock);
                  fiber::run([&] { std::lock_guard const in_fiber(lock); });
                  return true;
              }) == 0);
        hold.unlock();
        for (auto& h : all)
            h.join();
    };
    forks_holding();
    fiber::run(forks_holding);
}

TEST_CASE("fibers of the parent take no value, permit or notification in a child", "[fork]") {
    fiber::runtime others({.processors = 2});
    fiber::chan<int> values;
    fiber::mutex lock;
    fiber::condition_variable changed;
    fiber::handle const receives = others.go([&] { static_cast<void>(values.recv()); });
    fiber::handle const waits = others.go([&] {
        std::unique_lock hold(lock);
        changed.wait(hold);
    });
    while (others.stats().fibers_parked < 2)
        std::this_thread::yield();
    CHECK(in_child([&] {
              if (values.try_send(1) != fiber::op_status::full)
                  return false;
              fiber::handle mine = fiber::go([&] {
                  std::unique_lock hold(lock);
                  if (changed.wait_for(hold, 60s) == fiber::cv_status::no_timeout)
                      static_cast<void>(values.recv());
              });
              values.try_send(2) == fiber::op_status::success ? std::abort() : void();
              do
                  changed.notify_one();
              while (values.send_for(3, 1ms) != fiber::op_status::success);
              mine.join();
              values.close();
              return true;
          }) == 0);
    values.close();
    do
        changed.notify_one();
    while (others.stats().fibers_live != 0);
}

TEST_CASE("a child can fork, too", "[fork]") {
    auto const grandchild = [] {
        return fiber::run([] { return in_child([] { return all_works() && in_child(all_works) == 0; }); }) ==
               0;
    };
    CHECK(in_child([&] { return all_works() && grandchild() && all_works(); }) == 0);
    fiber::run([&] { CHECK(in_child([&] { return in_child(all_works) == 0 && grandchild(); }) == 0); });
}

namespace {
struct { // static, because pthread_atfork handlers cannot be removed
    std::atomic<bool> on{false};
    fiber::mutex lock;
    int value = 0; // guarded by lock
} handled;
} // namespace

TEST_CASE("the program's fork handlers may lock and park, before and after a fork", "[fork]") {
    static int const registered = ::pthread_atfork(
        [] {
            if (handled.on) {
                handled.lock.lock();
                handled.value = 1;
            }
        },
        [] {
            if (handled.on)
                handled.lock.unlock();
        },
        [] {
            if (handled.on)
                handled.lock.unlock();
        });
    REQUIRE(registered == 0);
    fiber::runtime r({.processors = 2});
    std::atomic<bool> stop{false};
    std::vector<fiber::handle> all;
    for (int i = 0; i < 4; ++i)
        all.push_back(r.go([&] {
            while (!stop.load()) {
                std::lock_guard const hold(handled.lock);
                handled.value = 2;
                fiber::this_fiber::yield();
                handled.value = 0;
            }
        }));
    handled.on = true;
    auto const works = [] {
        std::lock_guard const hold(handled.lock);
        return handled.value == 1;
    };
    for (int i = 0; i < 20; ++i) {
        CHECK(in_child(works) == 0);
        r.run([&] { CHECK(in_child(works) == 0); });
    }
    handled.on = false;
    stop = true;
    for (auto& h : all)
        h.join();
}

TEST_CASE("fork and exec, vfork, posix_spawn, popen and system work from a fiber", "[fork]") {
    tests::on_processors([](fiber::runtime& r) {
        load const busy(r);
        for (int i = 0; i < 5; ++i) {
            pid_t child = ::fork();
            if (child == 0) {
                ::execl("/bin/sh", "sh", "-c", "exit 3", nullptr);
                ::_exit(127);
            }
            CHECK(status_of(child) == 3);

            child = ::vfork();
            if (child == 0)
                ::_exit(4);
            CHECK(status_of(child) == 4);

            std::string name = "sh", option = "-c", command = "exit 5";
            std::array<char*, 4> const arguments{name.data(), option.data(), command.data(), nullptr};
            REQUIRE(::posix_spawn(&child, "/bin/sh", nullptr, nullptr, arguments.data(), environ) == 0);
            CHECK(status_of(child) == 5);

            std::FILE* const pipe = ::popen("echo from a shell", "r");
            REQUIRE(pipe != nullptr);
            std::array<char, 64> line{};
            CHECK(std::fgets(line.data(), line.size(), pipe) != nullptr);
            CHECK(std::string(line.data()) == "from a shell\n");
            CHECK(::pclose(pipe) == 0);

            CHECK(WEXITSTATUS(std::system("exit 6")) == 6);
        }
    });
}

TEST_CASE("concurrent forks by fibers and threads under load give working children", "[fork]") {
    constexpr int tasks = 3, forks = 6;
    tests::expect expect;
    fiber::runtime r({.processors = 2});
    load const busy(r), busy_too(fiber::runtime::global());
    std::atomic<bool> stop{false};
    std::thread starts_runtimes([&] {
        while (!stop.load())
            expect(fiber::runtime({.processors = 2}).run([] { return 7; }) == 7, "a short-lived runtime");
    });
    std::vector<std::thread> threads;
    std::vector<fiber::handle> fibers;
    auto const forker = [&] {
        for (int i = 0; i < forks; ++i)
            expect(in_child(all_works) == 0, "a child that works");
    };
    for (int i = 0; i < tasks; ++i) {
        threads.emplace_back(forker);
        fibers.push_back(i == 0 ? fiber::go(forker) : r.go(forker));
    }
    for (auto& h : fibers)
        h.join();
    for (auto& t : threads)
        t.join();
    stop = true;
    starts_runtimes.join();
}

TEST_CASE("a fork does not deadlock with the revocation of a lease", "[fork]") {
    constexpr int forks = 400;
    tests::expect expect;
    fiber::runtime one({.processors = 1});
    std::atomic<bool> stop{false};
    std::thread trims([&] {
        while (!stop.load())
            one.trim(); // revokes leases, and holds locks of the process
    });
    std::thread forker([&] {
        for (int i = 0; i < forks; ++i)
            expect(in_child([] { return true; }) == 0, "a child");
        stop = true;
    });
    one.run([&] {
        while (!stop.load()) { // Parks with a lock of the process, which fork takes.
            fiber::wait_group both;
            both.add(2);
            for (int i = 0; i < 2; ++i)
                fiber::go([&] { both.done(); });
            both.wait();
        }
    });
    trims.join();
    forker.join();
}

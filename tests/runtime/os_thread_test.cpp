// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// os_thread_test: how the library makes its OS threads, and how they avoid the program's file
// descriptors.

#include "tests/support/catch.hpp"
#include "tests/support/expect.hpp"

#include "runtime/base/platform/raw_file.hpp"
#include "runtime/base/thread/os_thread.hpp"
#include "runtime/base/thread/template_thread.hpp"
#include "runtime/base/thread/unshare_descriptors.hpp"

#include <fiber/fiber.hpp>

#include <atomic>
#include <chrono>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <poll.h>
#include <string>
#include <sys/syscall.h>
#include <thread>
#include <unistd.h>
#include <vector>

using namespace std::chrono_literals;
namespace rt = fiber::rt;

namespace {

// Returns /proc/self/task/ID of the thread with this name, or an empty path after 30 s.
std::filesystem::path thread_named(std::string const& name) {
    auto const give_up = std::chrono::steady_clock::now() + 30s;
    while (std::chrono::steady_clock::now() < give_up)
        for (auto const& entry : std::filesystem::directory_iterator("/proc/self/task")) {
            std::string its;
            std::getline(std::ifstream(entry.path() / "comm") >> std::ws, its);
            if (its == name)
                return entry.path();
        }
    return {};
}

} // namespace

TEST_CASE("a template thread makes threads for several callers at once", "[template_thread]") {
    constexpr int askers = 8, threads_each = 20;
    rt::template_thread maker;
    maker.start();
    std::atomic<int> ran{0};
    std::vector<std::thread> all;
    for (int asker = 0; asker < askers; ++asker)
        all.emplace_back([&] {
            for (int i = 0; i < threads_each; ++i) {
                rt::os_thread made;
                maker.make(
                    made,
                    [](void* count) -> void* {
                        ++*static_cast<std::atomic<int>*>(count);
                        return nullptr;
                    },
                    &ran);
                made.join();
            }
        });
    for (auto& t : all)
        t.join();
    maker.stop();
    CHECK(ran == askers * threads_each);
}

TEST_CASE("a thread with unshared descriptors takes no number and holds no file of the program",
          "[unshare_descriptors]") {
    tests::expect expect;
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    std::atomic<bool> left{false}, closed{false}, refused{false};
    std::thread other([&] {
        refused = !rt::unshare_descriptors();
        left = true;
        left.notify_one();
        closed.wait(false);
        if (refused)
            return;
        char byte = 0;
        expect(::syscall(SYS_read, ends[0], &byte, 1) == -1, "no file of the program's");
        auto const fd = static_cast<int>(::syscall(SYS_openat, AT_FDCWD, "/dev/null", O_RDONLY | O_CLOEXEC));
        expect(fd >= 0 && fd <= 3, "numbers of its own");
        char text[8] = {};
        expect(rt::raw_file("/proc/self/comm").read(text, sizeof text) > 0);
        ::syscall(SYS_close, fd);
    });
    left.wait(false);
    ::close(ends[1]);
    pollfd end{ends[0], POLLIN, 0};
    if (!refused)
        CHECK((::poll(&end, 1, 30'000) == 1 &&
               (end.revents & POLLHUP) != 0)); // No other thread holds the other end.
    closed = true;
    closed.notify_one();
    other.join();
    ::close(ends[0]);
    if (refused)
        WARN("the kernel refuses a thread descriptors of its own; nothing was tested");
}

TEST_CASE("sysmon holds no descriptor of the program while watching blocked machines", "[sysmon]") {
    fiber::runtime const runtime({.processors = 1});
    auto const sysmon = thread_named("fiber-sysmon");
    REQUIRE_FALSE(sysmon.empty());
    int const mine = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    REQUIRE(mine >= 0);
    auto const seen_by_sysmon = [&] { return std::filesystem::exists(sysmon / "fd" / std::to_string(mine)); };
    auto const give_up =
        std::chrono::steady_clock::now() + 30s; // sysmon unshares its descriptors when it first runs.
    while (seen_by_sysmon() && std::chrono::steady_clock::now() < give_up)
        std::this_thread::yield();
    CHECK_FALSE(seen_by_sysmon());
    ::close(mine);
}

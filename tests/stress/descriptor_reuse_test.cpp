// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// descriptor_reuse_test.cpp: a program closes descriptors by the plain close() and reuses their numbers,
// while duplicates keep the old files in the epoll set. FIBER_REUSE_SECONDS is how long it does so.
#include "tests/support/catch.hpp"
#include "tests/support/chaos.hpp"
#include "tests/support/descriptors.hpp"
#include "tests/support/expect.hpp"
#include "tests/support/memory.hpp"
#include "tests/support/tally.hpp"

#include <fiber/go.hpp>
#include <fiber/io.hpp>
#include <fiber/mutex.hpp>
#include <fiber/runtime.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

using clock_type = std::chrono::steady_clock;

clock_type::duration how_long() {
    char const* const given = std::getenv("FIBER_REUSE_SECONDS");
    return std::chrono::milliseconds(given != nullptr ? 1000 * std::atoi(given) : 100 * tests::scale);
}

// A child that has all descriptors of the moment of its fork, until it is destroyed.
class leaking_child {
public:
    leaking_child() : end_(tests::pipe_pair()), pid_(::fork()) {
        if (pid_ != 0)
            return;
        ::close(end_.out.get());
        char c = 0;
        static_cast<void>(!::read(end_.in.get(), &c, 1)); // until the parent has closed its end
        ::_exit(0);
    }
    leaking_child(leaking_child const&) = delete;
    leaking_child& operator=(leaking_child const&) = delete;
    ~leaking_child() {
        end_.out.close();
        int status = 0;
        ::waitpid(pid_, &status, 0);
    }

private:
    tests::descriptor_pair end_;
    pid_t pid_;
};

// Duplicates of descriptors that are closed, and the other ends of their connections. Data come on the old
// files while their numbers name new ones.
class old_files {
public:
    void keep(tests::descriptor in, tests::descriptor out) {
        std::lock_guard const hold(lock_);
        if (files_.size() == max_files)
            files_.erase(files_.begin());
        files_.push_back({std::move(in), std::move(out)});
    }
    void disturb(tests::chaos& chaos) {
        std::lock_guard const hold(lock_);
        if (!files_.empty())
            static_cast<void>(
                ::send(files_[chaos.below(files_.size())].out.get(), "?", 1, MSG_DONTWAIT | MSG_NOSIGNAL));
    }

private:
    static constexpr std::size_t max_files = 16;
    fiber::mutex lock_;
    std::vector<tests::descriptor_pair> files_;
};

// Makes a connection, on the number of the last one if `last` is open. Each byte of it is `name`.
tests::descriptor_pair connect_again(tests::descriptor last, tests::chaos& chaos) {
    auto made = chaos.below(4) == 0 ? tests::pipe_pair() : tests::unix_sockets();
    if (last.get() < 0)
        return made;
    if (::dup3(made.in.get(), last.get(), O_CLOEXEC) < 0)
        FAIL("no dup3");
    return {std::move(last), std::move(made.out)};
}

void read_own_bytes(int fd, unsigned char name, int count, tests::expect& expect) {
    std::array<unsigned char, 8> buffer{};
    while (count > 0) {
        ssize_t const n = fiber::io::read(fd, buffer.data(), std::min(buffer.size(), std::size_t(count)));
        if (!expect(n > 0, "data"))
            return;
        for (ssize_t i = 0; i < n; ++i)
            expect(buffer[static_cast<std::size_t>(i)] == name, "a byte of another connection");
        count -= static_cast<int>(n);
    }
}

} // namespace

TEST_CASE("readers of reused numbers get the bytes of their own connections", "[stress][io]") {
    constexpr int changers = 8;
    tests::expect expect;
    old_files old;
    std::atomic<unsigned char> names{0};
    auto const end = clock_type::now() + how_long();
    auto const change = [&](std::uint64_t me) {
        tests::chaos chaos(me);
        tests::descriptor_pair pair;
        while (clock_type::now() < end && expect.failures() == 0) {
            bool const same_number = chaos.below(3) == 0;
            pair = connect_again(same_number ? std::move(pair.in) : tests::descriptor(), chaos);
            unsigned char const name = ++names;
            int const count = 1 + static_cast<int>(chaos.below(8));
            auto reader = fiber::go([&] { read_own_bytes(pair.in.get(), name, count, expect); });
            for (int i = 0; i < count; ++i) {
                chaos();
                old.disturb(chaos);
                expect(::write(pair.out.get(), &name, 1) == 1, "write");
            }
            reader.join();
            if (chaos.below(2) == 0) // the file lives on, and so does its registration
                old.keep(tests::descriptor(::fcntl(pair.in.get(), F_DUPFD_CLOEXEC, 0)), std::move(pair.out));
        }
    };
    std::vector<fiber::handle> all;
    for (std::uint64_t i = 0; i < changers; ++i)
        all.push_back(fiber::go(change, i));
#if !defined(__SANITIZE_THREAD__)
    while (clock_type::now() < end) {
        leaking_child const child;
        fiber::this_fiber::sleep_for(std::chrono::milliseconds(50));
    }
#endif
    tests::join_all(all);
}

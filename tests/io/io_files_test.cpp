// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// io_files_test.cpp: fiber::io on files that are no sockets and no plain pipes.

#include "tests/support/descriptors.hpp"

#include <fiber/io.hpp>
#include <fiber/runtime.hpp>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <string>
#include <string_view>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <termios.h>

namespace io = fiber::io;

namespace {

// A file without a name, on a disk or on tmpfs.
tests::descriptor temporary_file(char const* folder) {
    std::string name = std::string(folder) + "/fiber-io-XXXXXX";
    tests::descriptor made(::mkostemp(name.data(), O_CLOEXEC));
    REQUIRE(made.get() >= 0);
    ::unlink(name.c_str());
    return made;
}

std::string pattern(std::size_t n) {
    std::string text(n, '\0');
    for (std::size_t i = 0; i < n; ++i)
        text[i] = static_cast<char>(i * 31 >> 3);
    return text;
}

} // namespace

TEST_CASE("regular files are read and written at their position and at offsets", "[io]") {
    for (char const* const folder : {"/tmp", "/dev/shm", "/var/tmp"})
        tests::in_fiber_and_thread([&] {
            auto const file = temporary_file(folder);
            int const fd = file.get();
            std::string const text = pattern(1'000'000);
            CHECK(io::write(fd, text.data(), text.size()) == 1'000'000);
            char byte = 'b';
            iovec one{&byte, 1};
            CHECK(io::read(fd, &byte, 1) == 0);
            CHECK(::lseek(fd, 0, SEEK_SET) == 0);
            std::string got(600'000, '\0'); // more than is read from the page cache at once
            CHECK(io::read(fd, got.data(), got.size()) == 600'000);
            CHECK(got == text.substr(0, 600'000));
            got.assign(100'000, '\0');
            CHECK(io::read(fd, got.data(), got.size()) == 100'000);
            CHECK(got == text.substr(600'000, 100'000));
            CHECK(io::pread(fd, got.data(), got.size(), 950'000) == 50'000);
            CHECK(got.substr(0, 50'000) == text.substr(950'000));
            CHECK(io::pread(fd, got.data(), got.size(), 1'000'000) == 0);
            CHECK(io::pread(fd, got.data(), got.size(), -1) == -1);
            CHECK(tests::last_error() == EINVAL);
            CHECK(io::pread(fd, got.data(), 0, 0) == 0);
            CHECK(::lseek(fd, 0, SEEK_CUR) == 700'000);
            CHECK(io::pwrite(fd, "xyz", 3, 10) == 3);
            CHECK(io::pwritev(fd, &one, 1, 13) == 1);
            std::array<char, 2> a{};
            std::array<char, 2> b{};
            iovec const two[] = {{a.data(), 2}, {b.data(), 2}};
            CHECK(io::preadv(fd, two, 2, 10) == 4);
            CHECK(std::string_view(a.data(), 2) == "xy");
            CHECK(std::string_view(b.data(), 2) == (text[12], "zb"));
        });
}

TEST_CASE("a file that is not in the page cache is read whole", "[io]") {
    auto const file = temporary_file("/var/tmp");
    int const fd = file.get();
    std::string const text = pattern(200'000);
    fiber::run([&] {
        CHECK(io::write(fd, text.data(), text.size()) == 200'000);
        CHECK(::fsync(fd) == 0);
        for (int i = 0; i < 5; ++i) {
            std::string got(200'001, '\0');
            ::posix_fadvise(fd, i * 10'000, i == 0 ? 0 : 50'000, POSIX_FADV_DONTNEED); // a part of it, or all
            CHECK(io::pread(fd, got.data(), got.size(), 0) == 200'000);
            CHECK(got.substr(0, 200'000) == text);
            ::posix_fadvise(fd, i * 10'000, i == 0 ? 0 : 50'000, POSIX_FADV_DONTNEED);
            CHECK(::lseek(fd, 0, SEEK_SET) == 0);
            CHECK(io::read(fd, got.data(), got.size()) == 200'000);
            CHECK(got.substr(0, 200'000) == text);
        }
    });
}

TEST_CASE("files of /proc and directories behave as with the plain calls", "[io]") {
    tests::in_fiber_and_thread([] {
        tests::descriptor const status(::open("/proc/self/status", O_RDONLY | O_CLOEXEC));
        std::array<char, 5> buffer{};
        CHECK(io::read(status.get(), buffer.data(), 5) == 5);
        CHECK(std::string_view(buffer.data(), 5) == "Name:");
        CHECK(io::pread(status.get(), buffer.data(), 4, 1) == 4);
        CHECK(std::string_view(buffer.data(), 4) == "ame:");
        tests::descriptor const folder(::open("/", O_RDONLY | O_CLOEXEC));
        CHECK(io::read(folder.get(), buffer.data(), 5) == -1);
        CHECK(tests::last_error() == EISDIR);
        tests::descriptor const null(::open("/dev/null", O_RDWR | O_CLOEXEC));
        CHECK(io::write(null.get(), "abc", 3) == 3);
        CHECK(io::read(null.get(), buffer.data(), 5) == 0);
    });
}

TEST_CASE("a fiber that reads a terminal parks until a line comes", "[io]") {
    tests::descriptor const ours(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
    REQUIRE(ours.get() >= 0);
    REQUIRE(::grantpt(ours.get()) == 0);
    REQUIRE(::unlockpt(ours.get()) == 0);
    tests::descriptor const terminal(::open(::ptsname(ours.get()), O_RDWR | O_NOCTTY | O_CLOEXEC));
    REQUIRE(terminal.get() >= 0);
    tests::expect expect;
    fiber::runtime one({.processors = 1});
    std::array<char, 64> buffer{};
    for (int i = 0; i < 3; ++i)
        tests::expect_parks_in(
            one, [&] { expect(io::read(terminal.get(), buffer.data(), 64) == 5, "a line"); },
            [&] { expect(io::write(ours.get(), "line\n", 5) == 5, "write"); });
    CHECK((::fcntl(terminal.get(), F_GETFL) & O_NONBLOCK) == 0);
    one.run([&] {
        CHECK(::fcntl(terminal.get(), F_SETFL, O_RDWR | O_NONBLOCK) == 0);
        CHECK(io::read(terminal.get(), buffer.data(), 64) == -1);
        CHECK(tests::last_error() == EAGAIN);
    });
}

TEST_CASE("eventfd, timerfd, inotify and fifos park their readers", "[io]") {
    tests::expect expect;
    fiber::runtime one({.processors = 1});
    std::uint64_t count = 0;
    tests::descriptor const event(::eventfd(0, EFD_CLOEXEC));
    for (int i = 0; i < 3; ++i)
        tests::expect_parks_in(
            one, [&] { expect(io::read(event.get(), &count, sizeof count) == 8 && count == 7, "eventfd"); },
            [&] {
                std::uint64_t const seven = 7;
                expect(io::write(event.get(), &seven, sizeof seven) == 8, "write to eventfd");
            });
    tests::descriptor const timer(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC));
    tests::expect_parks_in(
        one, [&] { expect(io::read(timer.get(), &count, sizeof count) == 8, "timerfd"); },
        [&] {
            itimerspec const soon{{0, 0}, {0, 1'000'000}};
            expect(::timerfd_settime(timer.get(), 0, &soon, nullptr) == 0, "settime");
        });
    std::string folder = "/tmp/fiber-io-XXXXXX";
    REQUIRE(::mkdtemp(folder.data()) != nullptr);
    std::string const name = folder + "/fifo";
    tests::descriptor const watch(::inotify_init1(IN_CLOEXEC));
    REQUIRE(::inotify_add_watch(watch.get(), folder.c_str(), IN_CREATE) >= 0);
    alignas(inotify_event) std::array<char, 1024> buffer{};
    tests::expect_parks_in(
        one, [&] { expect(io::read(watch.get(), buffer.data(), buffer.size()) > 0, "inotify"); },
        [&] { expect(::mkfifo(name.c_str(), 0600) == 0, "mkfifo"); });
    tests::descriptor const fifo(::open(name.c_str(), O_RDWR | O_CLOEXEC));
    tests::expect_parks_in(
        one, [&] { expect(io::read(fifo.get(), buffer.data(), 100) == 3, "fifo"); },
        [&] { expect(io::write(fifo.get(), "abc", 3) == 3, "write to fifo"); });
    std::string const text = pattern(1'000'000);
    std::string got(text.size(), '\0');
    tests::expect_parks_in(
        one, [&] { expect(io::write(fifo.get(), text.data(), text.size()) == 1'000'000, "much"); },
        [&] {
            for (std::size_t done = 0; done < got.size();) {
                ssize_t const n = io::read(fifo.get(), got.data() + done, got.size() - done);
                if (!expect(n > 0, "read"))
                    return;
                done += static_cast<std::size_t>(n);
            }
        });
    CHECK(got == text);
    ::unlink(name.c_str());
    ::rmdir(folder.c_str());
}

TEST_CASE("stats counts reads of files that have no RWF_NOWAIT", "[io][exact]") {
    fiber::run([] {
        tests::descriptor const status(::open("/proc/self/status", O_RDONLY | O_CLOEXEC));
        char text[16];
        auto const before = fiber::runtime::global().stats().nowait_refused;
        CHECK(io::read(status.get(), text, sizeof text) == 16);
        CHECK(fiber::runtime::global().stats().nowait_refused > before);
    });
}

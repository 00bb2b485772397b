// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// io_copy_test.cpp: sendfile and splice between files, pipes and sockets.

#include "tests/support/descriptors.hpp"

#include <fiber/io.hpp>

#include <cerrno>
#include <cstdlib>
#include <string>
#include <sys/eventfd.h>

namespace io = fiber::io;

namespace {

tests::descriptor file_with(std::string const& text) {
    char name[] = "/tmp/fiber-io-XXXXXX";
    tests::descriptor made(::mkostemp(name, O_CLOEXEC));
    REQUIRE(made.get() >= 0);
    ::unlink(name);
    REQUIRE(::pwrite(made.get(), text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()));
    return made;
}

std::string pattern(std::size_t n) {
    std::string text(n, '\0');
    for (std::size_t i = 0; i < n; ++i)
        text[i] = static_cast<char>(i * 31 >> 3);
    return text;
}

// Reads n bytes in the calling fiber.
std::string take(int fd, std::size_t n) {
    std::string text(n, '\0');
    std::size_t done = 0;
    while (done < n) {
        ssize_t const got = io::read(fd, text.data() + done, n - done);
        if (got <= 0)
            break;
        done += static_cast<std::size_t>(got);
    }
    text.resize(done);
    return text;
}

} // namespace

TEST_CASE("sendfile sends a file to sockets whole, and parks while there is no room", "[io]") {
    std::string const text = pattern(3'000'000);
    auto const file = file_with(text);
    for (auto make : {+[] { return tests::unix_sockets(); }, +[] { return tests::tcp_sockets(); }}) {
        tests::expect expect;
        auto p = make();
        std::string got;
        off_t offset = 1000;
        tests::expect_parks(
            [&] {
                expect(io::sendfile(p.out.get(), file.get(), &offset, text.size()) == 2'999'000, "sendfile");
                expect(offset == 3'000'000, "offset");
            },
            [&] { got = take(p.in.get(), 2'999'000); });
        CHECK(got == text.substr(1000));
        CHECK(::lseek(file.get(), 0, SEEK_CUR) == 0);
    }
}

TEST_CASE("sendfile sends to pipes and to files", "[io]") {
    tests::expect expect;
    std::string const text = pattern(1'000'000);
    auto const file = file_with(text);
    auto const p = tests::pipe_pair();
    std::string got;
    off_t offset = 0;
    tests::expect_parks(
        [&] {
            while (offset < 1'000'000)
                if (!expect(io::sendfile(p.out.get(), file.get(), &offset, text.size()) > 0, "sendfile"))
                    return;
        },
        [&] { got = take(p.in.get(), text.size()); });
    CHECK(got == text);
    tests::in_fiber_and_thread([&] {
        auto const copy = file_with("");
        off_t from = 500'000;
        CHECK(io::sendfile(copy.get(), file.get(), &from, 1'000'000) == 500'000);
        CHECK(io::sendfile(copy.get(), file.get(), &from, 0) == 0);
        CHECK(::lseek(copy.get(), 0, SEEK_END) == 500'000);
    });
}

TEST_CASE("sendfile to a socket with O_NONBLOCK sends what fits, then returns EAGAIN", "[io]") {
    auto const file = file_with(pattern(3'000'000));
    fiber::run([&] {
        auto const p = tests::tcp_sockets();
        ::fcntl(p.out.get(), F_SETFL, O_RDWR | O_NONBLOCK);
        off_t offset = 0;
        ssize_t n = 0;
        while ((n = io::sendfile(p.out.get(), file.get(), &offset, 3'000'000)) > 0)
            ;
        CHECK(n == -1);
        CHECK(tests::last_error() == EAGAIN);
        CHECK(offset > 0);
    });
}

TEST_CASE("splice moves data through a pipe between sockets, and parks on either side", "[io]") {
    tests::expect expect;
    std::string const text = pattern(1'000'000);
    auto const from = tests::tcp_sockets();
    auto const to = tests::tcp_sockets();
    auto const p = tests::pipe_pair();
    std::string got;
    tests::expect_parks(
        [&] {
            for (std::size_t done = 0; done < text.size();) {
                ssize_t const in = io::splice(from.in.get(), nullptr, p.out.get(), nullptr, 50'000, 0);
                if (!expect(in > 0, "from the socket"))
                    return;
                for (ssize_t left = in; left > 0;) {
                    ssize_t const out = io::splice(p.in.get(), nullptr, to.out.get(), nullptr,
                                                   static_cast<std::size_t>(left), 0);
                    if (!expect(out > 0, "to the socket"))
                        return;
                    left -= out;
                }
                done += static_cast<std::size_t>(in);
            }
        },
        [&] {
            auto writer = fiber::go(
                [&] { expect(io::write(from.out.get(), text.data(), text.size()) == 1'000'000, "write"); });
            got = take(to.in.get(), text.size());
            writer.join();
        });
    CHECK(got == text);
}

TEST_CASE("splice parks on an empty pipe and on a full pipe", "[io]") {
    tests::expect expect;
    auto const a = tests::pipe_pair();
    auto const b = tests::pipe_pair();
    tests::expect_parks(
        [&] {
            expect(io::splice(a.in.get(), nullptr, b.out.get(), nullptr, 100, 0) == 3, "from an empty pipe");
        },
        [&] { expect(::write(a.out.get(), "abc", 3) == 3, "write"); });
    std::string const page(4096, 'p');
    REQUIRE(::fcntl(b.out.get(), F_SETFL, O_WRONLY | O_NONBLOCK) == 0);
    while (::write(b.out.get(), page.data(), page.size()) > 0)
        ;
    REQUIRE(::fcntl(b.out.get(), F_SETFL, O_WRONLY) == 0);
    REQUIRE(::write(a.out.get(), "abc", 3) == 3);
    tests::expect_parks(
        [&] { expect(io::splice(a.in.get(), nullptr, b.out.get(), nullptr, 100, 0) == 3, "to a full pipe"); },
        [&] { take(b.in.get(), 8 * page.size()); });
}

TEST_CASE("splice keeps SPLICE_F_NONBLOCK's meaning, and moves files", "[io]") {
    tests::in_fiber_and_thread([] {
        auto const p = tests::pipe_pair();
        auto const q = tests::pipe_pair();
        CHECK(io::splice(p.in.get(), nullptr, q.out.get(), nullptr, 10, SPLICE_F_NONBLOCK) == -1);
        CHECK(tests::last_error() == EAGAIN);
        std::string const text = pattern(10'000);
        auto const file = file_with(text);
        auto const copy = file_with("");
        loff_t offset = 1'000;
        CHECK(io::splice(file.get(), &offset, p.out.get(), nullptr, 5'000, 0) == 5'000);
        CHECK(offset == 6'000);
        CHECK(io::splice(p.in.get(), nullptr, copy.get(), nullptr, 5'000, 0) == 5'000);
        std::string got(5'000, '\0');
        CHECK(io::pread(copy.get(), got.data(), got.size(), 0) == 5'000);
        CHECK(got == text.substr(1'000, 5'000));
        CHECK(io::splice(file.get(), &offset, copy.get(), nullptr, 1, 0) == -1);
        CHECK(tests::last_error() == EINVAL);
    });
}

TEST_CASE("splice does not wait where the kernel refuses the files", "[io]") {
    tests::in_fiber_and_thread([] {
        auto const pipe = tests::pipe_pair();
        auto const sockets = tests::unix_sockets();
        tests::descriptor const event(::eventfd(0, EFD_CLOEXEC));
        CHECK(io::splice(event.get(), nullptr, pipe.out.get(), nullptr, 8, 0) == -1);
        CHECK(tests::last_error() == EINVAL);
        CHECK(io::splice(sockets.in.get(), nullptr, sockets.out.get(), nullptr, 8, 0) == -1);
        CHECK(tests::last_error() == EINVAL);
        CHECK(io::splice(pipe.in.get(), nullptr, sockets.out.get(), nullptr, 0, 0) == 0);
    });
}

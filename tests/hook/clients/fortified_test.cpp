// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// fortified_test.cpp: a program that is built with -D_FORTIFY_SOURCE=3. It calls read() and others by names
// that check the size of the buffer: __read_chk.

#include "tests/hook/clients/crowd.hpp"
#include "tests/hook/clients/server_process.hpp"

#include <algorithm>
#include <poll.h>

namespace {

constexpr std::size_t room = 8192;

nfds_t volatile const one_file = 1; // the compiler leaves out checks of numbers that it knows

// Waits by one of the calls, and returns what has come.
std::string wait_by(int call, int socket, std::size_t size) {
    char buffer[room];
    pollfd file[1] = {{socket, POLLIN, 0}};
    timespec const long_time{600, 0};
    ssize_t n = 0;
    switch (call % 5) {
    case 0:
        n = ::read(socket, buffer, size);
        break;
    case 1:
        n = ::recv(socket, buffer, size, 0);
        break;
    case 2:
        n = ::recvfrom(socket, buffer, size, 0, nullptr, nullptr);
        break;
    case 3:
        tests::must(::poll(file, one_file, -1) == 1);
        break;
    default:
        tests::must(::ppoll(file, one_file, &long_time, nullptr) == 1);
        break;
    }
    tests::must(n >= 0);
    return std::string(buffer, static_cast<std::size_t>(n));
}

std::string read_file(int file, std::size_t size, off_t at) {
    char buffer[room];
    ssize_t const n = ::pread(file, buffer, size, at);
    tests::must(n >= 0);
    return std::string(buffer, static_cast<std::size_t>(n));
}

} // namespace

TEST_CASE("fortified calls park", "[hook_clients]") {
    tests::raise_descriptor_limit();
    tests::inet_address at;
    auto const bound = tests::bound_socket(SOCK_STREAM, at);
    tests::server_process server(bound, tests::crowd_size(), [](tests::descriptor connection) {
        return tests::line_session(tests::plain_connection(std::move(connection)));
    });
    tests::temporary_file const numbers("0123456789");
    tests::expect expect;
    fiber::runtime here;
    tests::check_crowd(here, server, [&](int i) {
        tests::descriptor const socket(::socket(AF_INET, SOCK_STREAM, 0));
        expect(::connect(socket.get(), at.get(), at.size) == 0, "connect");
        std::string const question = std::to_string(i) + "\n";
        expect(::send(socket.get(), question.data(), question.size(), 0) > 0, "send");
        std::size_t const size = std::min(room, question.size() + 4000);
        std::string answer = wait_by(i, socket.get(), size);
        while (!answer.ends_with('\n'))
            answer += wait_by(0, socket.get(), size);
        expect(answer == tests::answer_to(i) + "\n", "the answer");
        expect(read_file(numbers.fd(), size, i % 10) ==
                   std::string("0123456789").substr(static_cast<std::size_t>(i % 10)),
               "pread");
    });
}

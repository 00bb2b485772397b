// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// stdin_stays_blocking: `(program; cat)` on one terminal, and on one pipe. The program's fibers wait for its
// standard input. cat works afterwards: O_NONBLOCK would belong to both processes.

// stdout: terminal: a fiber waits
// stdout: terminal: the program reads first
// stdout: terminal: cat reads second
// stdout: terminal: flags unchanged, exit status 0
// stdout: pipe: a fiber waits
// stdout: pipe: the program reads first
// stdout: pipe: cat reads second
// stdout: pipe: flags unchanged, exit status 0

#include <fiber/go.hpp>
#include <fiber/io.hpp>
#include <fiber/runtime.hpp>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

// The program: reads a line from its standard input.
int read_a_line() {
    std::array<char, 100> line{};
    ssize_t n = 0;
    auto reader = fiber::go([&] { n = fiber::io::read(STDIN_FILENO, line.data(), line.size()); });
    while (fiber::runtime::global().stats().fibers_parked == 0)
        fiber::this_fiber::yield();
    std::puts("a fiber waits");
    std::fflush(stdout);
    reader.join();
    std::printf("the program reads %.*s", static_cast<int>(n), line.data());
    return n > 0 ? 0 : 1;
}

// The standard input of both, and the end at which it is written.
struct input {
    int in;
    int out;
};

input open_terminal() {
    int const terminal = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (terminal < 0 || ::grantpt(terminal) != 0 || ::unlockpt(terminal) != 0)
        std::abort();
    return {::open(::ptsname(terminal), O_RDWR | O_NOCTTY | O_CLOEXEC), terminal};
}

input open_pipe() {
    std::array<int, 2> fds{};
    if (::pipe2(fds.data(), O_CLOEXEC) != 0)
        std::abort();
    return {fds[0], fds[1]};
}

void write_text(int fd, std::string_view text) {
    if (::write(fd, text.data(), text.size()) != static_cast<ssize_t>(text.size()))
        std::abort();
}

void run_beside_cat(char const* name, input const& shared, char const* self) {
    std::array<int, 2> output{};
    if (shared.in < 0 || ::pipe2(output.data(), O_CLOEXEC) != 0)
        std::abort();
    int const flags = ::fcntl(shared.in, F_GETFL);
    pid_t const child = ::fork();
    if (child == 0) {
        ::dup2(shared.in, STDIN_FILENO);
        ::dup2(output[1], STDOUT_FILENO);
        ::execl("/bin/sh", "sh", "-c", "\"$0\" read; printf 'cat reads '; cat", self, nullptr);
        ::_exit(127);
    }
    ::close(output[1]);
    std::FILE* const lines = ::fdopen(output[0], "r");
    std::array<char, 200> line{};
    auto const show_line = [&] {
        if (std::fgets(line.data(), static_cast<int>(line.size()), lines) != nullptr)
            std::printf("%s: %s", name, line.data());
    };
    show_line();
    write_text(shared.out, "first\n");
    show_line();
    write_text(shared.out, "second\n");
    show_line();
    bool const unchanged = ::fcntl(shared.in, F_GETFL) == flags;
    bool const is_terminal = ::isatty(shared.in) != 0;
    if (is_terminal)
        write_text(shared.out, "\x04"); // the end of the input
    else
        ::close(shared.out);
    int status = 0;
    ::waitpid(child, &status, 0);
    if (is_terminal)
        ::close(shared.out);
    std::printf("%s: flags %s, exit status %d\n", name, unchanged ? "unchanged" : "changed",
                WEXITSTATUS(status));
    std::fclose(lines);
    ::close(shared.in);
}

} // namespace

int main(int argc, char** argv) {
    if (argc > 1)
        return read_a_line();
    run_beside_cat("terminal", open_terminal(), argv[0]);
    run_beside_cat("pipe", open_pipe(), argv[0]);
}

// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// main.cpp: the main of all test programs. It prints the name of a case that hangs before ctest kills the
// program.

#define CATCH_CONFIG_RUNNER
#include "tests/support/catch.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <unistd.h>

namespace {

std::array<char, 256> hang_line{}; // the line that the signal handler prints
std::size_t hang_line_length = 0;

#if CATCH_VERSION_MAJOR == 2
using listener = Catch::TestEventListenerBase;
#else
using listener = Catch::EventListenerBase;
#endif

struct name_of_case : listener {
    using listener::listener;
    void testCaseStarting(Catch::TestCaseInfo const& test) override {
        int const n = std::snprintf(hang_line.data(), hang_line.size(), "\nhangs: %s\n", test.name.c_str());
        hang_line_length = std::min(static_cast<std::size_t>(n), hang_line.size());
    }
};
CATCH_REGISTER_LISTENER(name_of_case)

void report_hang(int) {
    [[maybe_unused]] auto const written = ::write(STDERR_FILENO, hang_line.data(), hang_line_length);
    std::abort();
}

} // namespace

int main(int argc, char** argv) {
    std::setvbuf(stdout, nullptr, _IOLBF, 0); // a crash must not lose lines that were printed
    if (char const* const limit = std::getenv("FIBER_TEST_TIMEOUT")) {
        std::signal(SIGALRM, report_hang);
        ::alarm(static_cast<unsigned>(std::atoi(limit)));
    }
    return Catch::Session().run(argc, argv);
}

// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

#include "perf/harness/progress.hpp"

#include <cstdio>

#include <unistd.h>

namespace perf {
namespace {

void print(char const* before, std::string_view text, char const* after) {
    std::fprintf(stderr, "%s%.*s%s", before, static_cast<int>(text.size()), text.data(), after);
}

constexpr char const* clear_line = "\r\033[K";

} // namespace

progress::progress() : terminal_(isatty(STDERR_FILENO) != 0) {}

progress::~progress() {
    if (terminal_)
        print(clear_line, "", "");
}

void progress::now(std::string_view what) {
    if (terminal_)
        print(clear_line, what, "");
}

void progress::done(std::string_view what) {
    if (!terminal_)
        print("", what, "\n");
}

void progress::complain(std::string_view what) { print(terminal_ ? clear_line : "", what, "\n"); }

} // namespace perf

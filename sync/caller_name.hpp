// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// caller_name.hpp: the name of the calling fiber or OS thread, for error messages.
#pragma once

namespace fiber::rt {

struct caller_name {
    // For example: fiber 7 "reader", fiber 8, OS thread 4711 (the number that gettid(), ps -L and
    // gdb show).
    char text[96];
};

[[nodiscard, gnu::cold]] caller_name name_of_caller() noexcept;

} // namespace fiber::rt

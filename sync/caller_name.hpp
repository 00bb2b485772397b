// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// caller_name.hpp: the caller, as error messages name it.
#pragma once

namespace fiber::rt {

struct caller_name {
    char
        text[96]; // fiber 7 "reader", fiber 8, OS thread 4711: what gettid() says, and ps -L, gdb, /proc show
};

[[nodiscard, gnu::cold]] caller_name name_of_caller() noexcept;

} // namespace fiber::rt

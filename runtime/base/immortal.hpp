// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// immortal.hpp: a variable of static storage duration that is never destroyed: machines run on while the process
// exits.
#pragma once

namespace fiber::rt {

template <class T>
union immortal {
    constexpr immortal() noexcept : value() {}
    constexpr ~immortal() {}
    T value;
};

} // namespace fiber::rt

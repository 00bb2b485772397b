// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// no_destructor.hpp: a variable of static storage duration that is never destroyed, because
// machines run on while the process exits.
#pragma once

namespace fiber::rt {

template <class T>
union no_destructor {
    constexpr no_destructor() noexcept : value() {}
    constexpr ~no_destructor() {}
    T value;
};

} // namespace fiber::rt

// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// part.hpp: the functions of part.cpp, which is compiled without exceptions and RTTI.
#pragma once

#include <fiber/chan.hpp>
#include <fiber/context.hpp>
#include <fiber/future.hpp>

// Returns twice the operand. A fiber waits for the operand.
fiber::future<int> twice(fiber::future<int> operand);
// Sends 1, 2 and 3, and closes the channel.
void fill(fiber::chan<int> const&);
// Returns a child of the context with the number as its value of type int.
fiber::context with_number(fiber::context const&, int);
// Returns the context's value of type int.
int number_of(fiber::context const&);

/* SPDX-License-Identifier: BSL-1.0
 * Copyright the libfiber authors.
 *
 * channel_bias.pml: [bias] and [bias.one] of chan/biased_lock.hpp. Two agents never hold the lock
 * at the same time, and each agent gets it in the end. Two threads may become the owner, at any
 * time at which they hold the lock by its word. A third thread may not.
 *
 *   agent      lock, revoke, try_bias, unlock: steps O0 to O4 and A1 to A5
 *
 * NO_HEAVY_FENCE   an agent that finds an owner passes no fence
 * WORD_UNREAD      the owner does not read the word
 * OWNER_UNREAD     after the word, the owner does not check that it still is the owner
 * HELD_UNREAD      an agent that finds an owner does not wait until `held` is false
 * MANY_OWNERS      another thread may become owner after the first
 */
#define AGENTS 3
#define WORD 0
#define OWNER 1 /* 0: no owner yet; number + 1: the owner; number + 5: the past owner */
#define HELD 2
#define VARIABLES 3
#include "tso.pml"

#define not_now 4
#define has_owner (load(OWNER) != 0 && load(OWNER) < not_now)

bool someone_is_in;

inline lock() {
    if
    :: load(OWNER) == me + 1 -> /* O0 */
       store(HELD, 1);
#ifdef WORD_UNREAD
       fast = true;
#else
       fast = (load(WORD) == 0);
#endif
#ifndef OWNER_UNREAD
       fast = fast && load(OWNER) == me + 1;
#endif
       if
       :: !fast -> store(HELD, 0)
       :: else
       fi
    :: else
    fi;
    if
    :: !fast ->
       atomic { drained && memory[WORD] == 0 -> memory[WORD] = 1 }; /* A1 */
       if
       :: has_owner && load(OWNER) != me + 1 ->
#ifndef NO_HEAVY_FENCE
          membarrier(at);
#endif
#ifndef HELD_UNREAD
          load(HELD) == 0;
#endif
          seen = load(OWNER);
          store(OWNER, seen + not_now)
       :: has_owner && load(OWNER) == me + 1 -> store(OWNER, me + 1 + not_now)
       :: else
       fi;
       if
#ifdef MANY_OWNERS
       :: me < 2 ->
#else
       :: me < 2 && (load(OWNER) == 0 || load(OWNER) == me + 1 + not_now) ->
#endif
          store(HELD, 1);
          store(OWNER, me + 1);
          store(WORD, 0)
       :: true
       fi
    :: else
    fi;
    fast = false
}

inline unlock() {
    if
    :: has_owner -> store(HELD, 0)
    :: else -> store(WORD, 0)
    fi
}

proctype agent(byte me; byte times) {
    byte at;
    bool fast;
    byte seen;
    do
    :: times > 0 ->
       lock();
       atomic { assert(!someone_is_in); someone_is_in = true };
       someone_is_in = false;
       unlock();
       times--
    :: else -> break
    od
}

init {
    atomic { run agent(0, 3); run agent(1, 3); run agent(2, 1) }
}

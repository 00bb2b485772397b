/* SPDX-License-Identifier: BSL-1.0
 * Copyright the libfiber authors.
 *
 * publish.pml: the publisher of [idle.wake], for idle_wake.pml. The head of that file explains the
 * names.
 */
inline publish() {
    do
    :: atomic { idle == 0 -> break }
    :: idle > 0;
#ifndef NO_PUBLISHER_FENCE
       drained;
#endif
       if
       :: atomic { idle == 0 || searching != 0 -> break }
       :: atomic { drained && idle > 0 && searching == 0 -> searching = 1 };
          atomic { drained -> x = first(listed);
              if
              :: x < MACHINES -> listed[x] = false; idle--; searches[x] = true; woken[x] = true; x = 0; break
              :: else -> x = 0
              fi };
#ifndef TOKEN_KEPT
          atomic { drained -> searching-- }
#endif
       fi
    od
}

inline push_global(how_many) {
    atomic { drained && !global_locked -> global_locked = true; add(G, how_many) }
}

inline share_half() { /* half of the fibers, rounded up, if the global queue is empty */
    if
    :: load(G) == 0 ->
       atomic { hand = (load(me) + 1) / 2; add(me, -hand) };
       push_global(hand);
       hand = 0
    :: load(G) > 0
    fi;
    publish()
}

inline run_next() {
    add(me, 1);
    if
    :: idle > 0 || searching > 0 -> if :: share_half() /* requested: [idle.share] */ :: publish() fi
    :: atomic { idle == 0 && searching == 0 }
    fi
}

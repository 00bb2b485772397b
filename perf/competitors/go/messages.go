// SPDX-License-Identifier: BSL-1.0
// Copyright the libfiber authors.

// What do messages cost?
package main

import (
	"sync"
	"time"
)

func roundTrips(n int) time.Duration {
	there, back, ended := make(chan int), make(chan int), make(chan bool)
	go func() {
		for v := range there {
			back <- v + 1
		}
		close(ended)
	}()
	v := 0
	start := time.Now()
	for i := 0; i < n; i++ {
		there <- v
		v = <-back
	}
	took := time.Since(start)
	close(there)
	<-ended
	verify(v == n, "every value came back, plus one")
	return took
}

func produceAndConsume(n int) time.Duration {
	items := make(chan int, 128)
	start := time.Now()
	go func() {
		for i := 0; i < n; i++ {
			items <- i
		}
		close(items)
	}()
	received, inOrder := 0, 0
	for v := range items {
		if v == received {
			inOrder++
		}
		received++
	}
	took := time.Since(start)
	verify(received == n && inOrder == n, "every item arrived once and in order")
	return took
}

func passAToken(size, hops int) time.Duration {
	links := make([]chan int, size)
	for i := range links {
		links[i] = make(chan int)
	}
	home := make(chan int)
	var start time.Time // written by the goroutine that begins the measured hops
	for i := range links {
		go func(in <-chan int, out chan<- int, i int) {
			for left := range in {
				if left == hops {
					start = time.Now()
				}
				if left > 0 {
					out <- left - 1
				} else {
					home <- i
				}
			}
		}(links[i], links[(i+1)%size], i)
	}
	links[0] <- size + hops // a round to warm up, then the measured hops
	last := <-home
	took := time.Since(start)
	for _, link := range links {
		close(link)
	}
	verify(last == hops%size, "the token stopped where it should")
	return took
}

func fourToFour(n int) time.Duration {
	const tasks = 4
	each := n / tasks
	items := make(chan int, 128)
	var produced, consumed sync.WaitGroup
	produced.Add(tasks)
	consumed.Add(tasks)
	var received, sums [tasks]int
	start := time.Now()
	for p := 0; p < tasks; p++ {
		go func() {
			for i := 0; i < each; i++ {
				items <- i
			}
			produced.Done()
		}()
		go func(p int) {
			count, total := 0, 0
			for v := range items {
				count++
				total += v
			}
			received[p], sums[p] = count, total
			consumed.Done()
		}(p)
	}
	produced.Wait()
	close(items)
	consumed.Wait()
	took := time.Since(start)
	count, total := 0, 0
	for p := 0; p < tasks; p++ {
		count += received[p]
		total += sums[p]
	}
	verify(count == tasks*each && total == tasks*(each*(each-1)/2), "every item arrived once")
	return took
}

func selectFromTwo(n int) time.Duration {
	half := n / 2
	even, odd := make(chan int), make(chan int)
	produce := func(to chan<- int, first int) {
		for i := 0; i < half; i++ {
			to <- first + 2*i
		}
	}
	sum := 0
	start := time.Now()
	go produce(even, 0)
	go produce(odd, 1)
	for i := 0; i < 2*half; i++ {
		select {
		case v := <-even:
			sum += v
		case v := <-odd:
			sum += v
		}
	}
	took := time.Since(start)
	verify(sum == 2*half*(2*half-1)/2, "every item arrived once")
	return took
}

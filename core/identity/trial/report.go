package trial

import (
	"runtime"
	"slices"
	"time"

	"github.com/jumpring/jumpring/core/identity"
	"github.com/jumpring/jumpring/core/identity/learn"
)

// Report is how well and how fast identity does on labelled records.
type Report struct {
	Records int `json:"records"`
	// Persons are those of the truth.
	Persons int `json:"persons"`
	// Columns are the roles that columns of a table have.
	Columns map[Role][]string `json:"columns,omitempty"`
	// Auto is what is merged without a person; Match what is more likely one person than not, which is where precision
	// and recall balance. Exact is the control: equal keys alone.
	Auto  Score `json:"auto"`
	Match Score `json:"match"`
	Exact Score `json:"exact_keys"`
	// Review is how many pairs of clusters a person would be asked about.
	Review     int   `json:"review_pairs"`
	Candidates int64 `json:"candidate_pairs"`
	// LinkSeconds is the time of the whole batch: preparing, learning weights, comparing and clustering.
	LinkSeconds float64 `json:"link_seconds"`
	CPUSeconds  float64 `json:"link_cpu_seconds,omitempty"`
	// OneMicros are the median and the 99th percentile of preparing one client and finding it among all, in microseconds;
	// OneCPUMicros what of it was processor time, which other work on the machine does not lengthen (0: not known).
	OneMicros    [2]float64        `json:"one_client_micros_p50_p99"`
	OneCPUMicros [2]float64        `json:"one_client_cpu_micros_p50_p99"`
	MemoryMB     int64             `json:"memory_mb"`
	Parallelism  int               `json:"processors"`
	Weights      *identity.Weights `json:"weights"`
}

// Run links records with weights learned from them and measures the result. The truth is used for nothing else.
func Run(records []Record, seed uint64) (*Report, error) {
	nodes, facts, persons := make([]string, len(records)), make([]identity.Facts, len(records)), make(map[string]bool)
	for i := range records {
		nodes[i], facts[i] = records[i].Node, records[i].Facts
		persons[records[i].Person] = true
	}
	start, cpu := time.Now(), processTime()
	set := learn.Link(nodes, facts, learn.Options{Seed: seed})
	auto := set.Clusters(set.Weights.Auto, nil)
	r := &Report{
		Records: len(records), Persons: len(persons), Candidates: set.Candidates, Weights: set.Weights, Parallelism: runtime.GOMAXPROCS(0),
		LinkSeconds: time.Since(start).Seconds(), CPUSeconds: (processTime() - cpu).Seconds(),
	}
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	r.MemoryMB = int64(mem.Sys >> 20)
	r.Auto = Measure(records, auto)
	r.Match = Measure(records, set.Clusters(min(0, set.Weights.Auto), nil))
	r.Exact = ExactKeys(records)
	r.Review = reviews(set, auto)
	r.OneMicros, r.OneCPUMicros = lookups(set, nodes, facts)
	return r, nil
}

// reviews counts the pairs of clusters between which some score asks for a person.
func reviews(set *learn.Set, clusters [][]string) int {
	in := make(map[string]int)
	for i, c := range clusters {
		for _, n := range c {
			in[n] = i
		}
	}
	asked := make(map[[2]int]bool)
	for _, e := range set.Edges(set.Weights.Review) {
		if a, b := in[e.A], in[e.B]; a != b {
			asked[[2]int{min(a, b), max(a, b)}] = true
		}
	}
	return len(asked)
}

// lookups measures how long it takes to find one client among all, by the clock and in processor time.
func lookups(set *learn.Set, nodes []string, facts []identity.Facts) (took, cpu [2]float64) {
	x := identity.NewIndex(set.Weights, learn.Block)
	for _, p := range set.Profiles {
		x.Add(p)
	}
	runtime.LockOSThread() // whose time is taken
	defer runtime.UnlockOSThread()
	var seen identity.Seen
	var times, cpus []time.Duration
	for i := 0; i < len(facts); i += max(1, len(facts)/2000) {
		start, before := time.Now(), threadTime()
		x.Match(&seen, identity.NewProfile(nodes[i], &facts[i], set.Weights))
		times, cpus = append(times, time.Since(start)), append(cpus, threadTime()-before)
	}
	return percentiles(times), percentiles(cpus)
}

// percentiles gives the median and the 99th percentile in microseconds.
func percentiles(times []time.Duration) [2]float64 {
	slices.Sort(times)
	micros := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }
	return [2]float64{micros(times[len(times)/2]), micros(times[len(times)*99/100])}
}

package router
import ("testing";"fmt";"time";"strings"
"github.com/jumpring/jumpring/core/canon";"github.com/jumpring/jumpring/core/store")
func TestZZ(t *testing.T){
 world := newWorld(t, 0, 2000)
 t0:=time.Now()
 w := newWorkbench(t, testSettings()); w.foldAll(world.shuffled(1),7)
 fmt.Println(time.Since(t0))
 v,_:=w.store.View(); m:=map[string]int{}
 each(t,v,store.PrefixRecord+"item/",func(k string,i *canon.Item){m["item"]++; m[fmt.Sprint("ser ",i.Serialized)]++; m["status "+string(i.Status)]++; if i.Contested{m["contested"]++}; m[fmt.Sprint("nodes ",len(i.Nodes))]++; for _,f:=range i.Flags{m["flag "+f]++}})
 each(t,v,store.PrefixMatch,func(k string,i *canon.MatchRow){m["match "+i.Reason]++})
 each(t,v,store.PrefixRecord+"order/",func(k string,i *canon.Order){m["order"]++; if i.History{m["hist"]++}; for _,l:=range i.Lines{m[fmt.Sprint("waiting ",l.Waiting)]++; if l.Returned>0{m["returned"]++}}})
 each(t,v,store.PrefixRecord+"client/",func(k string,i *canon.Client){m["client"]++; m[fmt.Sprint("clnodes ",len(i.Nodes))]++})
 each(t,v,store.PrefixRecord+"refund/",func(k string,i *canon.Refund){m["refund"]++})
 each(t,v,store.PrefixRecord+"product/",func(k string,i *canon.Product){m["product"]++; m[fmt.Sprint("prnodes ",len(i.Nodes))]++})
 each(t,v,store.PrefixClaim,func(k string,i *canon.Claim){m["claim "+i.Ended]++})
 each(t,v,store.PrefixCase,func(k string,i *canon.Case){m[fmt.Sprint("case ",i.Kind,i.Open)]++})
 each(t,v,store.PrefixParked,func(k string,i *canon.Parked){m["parked "+i.Code+i.Reason]++})
 each(t,v,store.PrefixBinding,func(k string,b *canon.Binding){ if b.Deleted{m["b deleted"]++}; if b.Last!=nil{m["b last"]++}; if b.Full!=nil{m["b full"]++}; if b.Versioned!=nil&&b.Unversioned!=nil{m["b both"]++}})
 for _,k:=range sortedKeys(m){fmt.Println(k,m[k])}
 _=strings.Cut
}

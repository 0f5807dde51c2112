package normalize

import (
	"maps"
	"slices"
	"strings"
	"sync"
)

// nicknames has one line for each given name: the name, then the short and pet forms and the sister forms of other
// languages by which the same person goes. A form may stand in several lines ("alex", "sasha", "pat"); two names agree
// when they share a line. A name alone on its line has no other form, but is
// known to be a name. Compiled from common usage in English, German, French, Italian, Spanish and Russian.
const nicknames = `
abigail abby abbie gail
abraham abe bram
adelaide addie heidi ada
agnes aggie nessa
albert al bert bertie alberto
alejandro alex ale
alexander alex alec sandy xander sasha sandro alexandre alessandro aleksandr alexandr sascha lex
alexandra alex alexa sandra sasha lexi aleksandra alessandra sandy
alfred al fred alf alfredo
alice ali allie alicia alisa
allison alison ally allie ali
amanda mandy amy
amelia amy millie emilia amelie
andrew andy drew andreas andre andrea andrei andrey andrzej andres
angela angie angel angelika
ann anna anne annie annette nan nancy anja anya hannah
anthony tony antonio anton antoine toni
antonia toni tonia antonella
archibald archie
arthur art artie arturo artur
augustus gus august augusto
barbara barb babs barbie bobbie basia
bartholomew bart
beatrice bea trixie beatrix beatriz bice
benjamin ben benny benji
bernard bernie bernhard bernardo
bradley brad
brian bryan
bridget biddy brigitte gitte birgit
calvin cal
cameron cam
carl karl carlo carlos charles
caroline carol carrie lina karoline carolina
catherine cathy kate katie kathy katherine kathryn cat kitty katharina catarina caterina ekaterina katja katya karin trina kathleen catalina kay
cecilia cecily celia cissy cecile
charles charlie chuck chas chip carl karl carlos carlo
charlotte lottie charlie lotte carlotta
christian chris christiano cristian kristian
christina chris tina christine chrissy kristina cristina kirsten christa
christopher chris kit topher christoph christophe cristoforo kris
clarence clare
claude claudio claudius klaus
clifford cliff
constance connie konstanze costanza
cornelius con neil
curtis curt kurt
cynthia cindy
daniel dan danny daniele danilo
danielle dani daniela
david dave davy davide
deborah deb debbie debra
dennis denny denis
diana di diane dinah
dmitri dima dmitry dmitriy mitya dimitri dimitrios
dominic dom nick domenico dominik dominique
donald don donnie
dorothy dot dottie dolly dora dorothea
douglas doug
edmund ed eddie ned edmond
edward ed eddie ned ted teddy eduard edoardo eduardo edouard
edwin ed eddie
eleanor ellie nell nora ella elena eleonora lena
elizabeth liz beth betty eliza elsie lizzie lisa elisabeth bess betsy libby lise elisabetta isabel elise liesel yelizaveta liza elisa
ellen elena helen nell nelly
emily em emmy millie emilie emilia
emma em emmy
eric rick erik erich enrico
ernest ernie ernst ernesto
ester esther essie hester
eugene gene eugen eugenio evgeny evgeniy zhenya
evelyn eve evie eva
ferdinand fernando nando
florence flo flossie
frances fran fanny francesca franziska francoise francisca
francis frank fran francesco franz francisco francois paco pancho
frederick fred freddy fritz friedrich federico frederic fredrick frederik
gabriel gabe gabriele
gabriella gaby gabriele gabrielle gabriela
genevieve gen jenny
geoffrey geoff jeff jeffrey jeffery gottfried
george georgie georg giorgio jorge georges yuri georgy
gerald gerry jerry gerhard
gerard gerry gerhard gerardo
gertrude trudy gertie
giovanna gianna joanna johanna jeanne
giulia julia giulietta
gregory greg gregor gregorio grigory grisha
guillermo memo william
gustav gus gustavo
gwendolyn gwen
hannah hanna anna johanna
harold harry hal harald
harriet hattie henrietta
harrison harry
heinrich heinz henry heiner
helen nell nelly helena lena elena ellen helene yelena
henry harry hank hal henri heinrich enrico enrique hendrik
herbert herb bert
hubert hugh bert
hugh hughie hugo
ignatius iggy ignacio nacho
irene rene irina ira
isaac ike zac
isabella bella isabel izzy izabella isabelle
jack john jackie
jacob jake jakob jack giacomo jacques iago jacobo
jacqueline jackie
james jim jimmy jamie jem giacomo jaime
jane janie jenny janet joanna jean
janet jan jane
jason jay
jeffrey jeff geoff geoffrey jeffery
jennifer jen jenny jenn jenni
jeremy jerry jem jeremiah
jerome jerry gerome hieronymus
jessica jess jessie
joan joanie joanna
joanna jo joan johanna joanne
joaquin quino joachim
johann hans john johannes
jonathan jon jonny john nathan
joseph joe joey jo jose giuseppe josef pepe beppe iosif jozef
josephine jo josie josephina giuseppina
john jack johnny jon jan hans johann johannes jean giovanni juan ivan gianni ian sean
joshua josh
judith judy
julia julie jules giulia yulia juliet
julian jules juliano giuliano
katherine kate katie kathy kat kathryn katharine
kenneth ken kenny
kimberly kim kimmy
laura laurie lori lara
laurence larry lawrence lorenz lorenzo laurent lars laurie
leo leon leonardo leonard lev
leonard leo len lenny leonardo
leslie les lesley
lillian lily lil lilly liliana
linda lindy lynn
louis lou louie luis luigi ludwig lewis
louise lou lulu luisa luise louisa
lucas luke luca lukas luc
lucy lucia lucie lucinda
ludmila luda lyudmila mila
madeline maddy madeleine maddie magdalena
manuel manny emanuel emmanuel manolo
marcus mark marc marco markus marcos marek
margaret maggie meg peggy marge greta margie rita margarita margherita marguerite gretchen margarete daisy madge
maria mary marie mia mariya masha moira
marianne mary ann marianna
marjorie marge margie
martha marty mattie marta marthe
martin marty martino
mary molly polly mae maria marie mamie
matilda tilly mattie mathilde
matthew matt matthias matteo mathieu matias mateo
maurice mo moritz maurizio
maximilian max massimiliano maxim maksim
melissa mel missy
michael mike mick mickey mikey michel michele miguel mikhail misha mischa micha michal
michelle shelly micki michele
mildred millie
mohammed mohamed muhammad mohammad mehmet mo
monica monika mona
nadezhda nadia nadya
nancy nan ann
natalie nat natalia natalya natasha nathalie
nathan nate nat nathaniel
nathaniel nate nat nathan
nicholas nick nicky nicolas nikolaus niklas klaus nicola niccolo nikolai kolya nikolaos nico
nicole nicky nikki nicola
norman norm
oliver ollie olivier
olivia liv livvy
pamela pam
pascal pasquale
patricia pat patty tricia trish patrizia
patrick pat paddy patrizio patrice
paul paulie paolo pablo pavel paulus
paula paola pauline polly
penelope penny
peter pete pietro pedro pierre petr piotr piet
philip phil pip phillip filippo felipe philippe philipp
phyllis phil
priscilla cilla prissy
rachel rae raquel rachele
ralph rafe ralf raoul
randolph randy randall
raymond ray ramon raimondo raymund
rebecca becky becca rebekka
regina reggie gina
reginald reg reggie reinhold
richard rick dick rich ricky ritchie riccardo ricardo
robert rob bob bobby robbie bert roberto rupert robin
roberta bobbie robbie
rodney rod
roger rodger ruggero rudiger
roland rollo orlando rolando
ronald ron ronnie
rosemary rose rosie
rose rosa rosie rosalie
rudolph rudy rodolfo rudolf
russell russ
salvatore sal salvador toto
samantha sam sammy
samuel sam sammy
sandra sandy alexandra
sarah sally sadie sara
sebastian seb bastian basti sebastien
sergei sergey serge sergio seryozha sergiy
sharon shari
sidney sid sydney
simon si simone
solomon sol
sophia sophie sofia sofie sonya sonja
stanley stan stanislav
stephanie steph stefanie stefania
stephen steve stevie steven stefan stefano etienne stephan esteban stepan
susan sue suzy susie suzanne susanna susanne zuzana
sylvia silvia
tamara tammy
tatiana tanya tania tatyana
teresa terry tess tessa theresa therese resi
terence terry terrence
theodore ted teddy theo theodor teodoro fyodor fedor
thomas tom tommy tomas tommaso tomasz
timothy tim timmy timo
valentina val valya
valerie val valeria
vera veronica
veronica ronnie vera nica
victor vic vittorio viktor
victoria vicky tori vicki vittoria viktoria vika
vincent vince vinnie vincenzo vicente vinzenz
violet vi viola violetta
virginia ginny ginger
vladimir vova volodya vlad volodymyr wladimir
walter walt wally gualtiero
wilhelm willi willy william helmut
william bill billy will liam willie willy guglielmo wilhelm guillaume guillermo wim
winifred winnie freddie
xavier javier saverio
zachary zach zack zac
agathe
ahmed
aiden
alain
aldo
alina
alma
amber
amina
amit
ananya
anil
anke
antje
aoife
arianna
arjun
arnaud
ashley
astrid
audrey
aurelie
aurora
austin
ayse
barry
benoit
birte
bjoern
bjorn
brandon
brittany
bronwen
brooke
bruno
camille
carmen
carys
cedric
celine
cesar
chase
chiara
chloe
ciro
clara
claudia
cole
colin
connor
consuelo
corinne
courtney
craig
dale
daphne
dario
darya
dawn
deepak
delphine
derek
destiny
detlef
didier
diego
dieter
divya
dolores
donatella
duane
dylan
earl
ebba
egon
elias
elif
elio
elke
elodie
elsa
emil
erin
erwin
esperanza
ethan
evan
fabio
fabrice
fatma
federica
felix
finn
fiona
fiorella
flora
freya
frieda
galina
gaspard
gavin
gennaro
gilles
ginevra
giorgia
glenn
gloria
graham
graziella
gudrun
guenther
gunther
haley
hassan
hazel
hector
heike
helga
herve
hildegard
hiroshi
holger
horst
howard
hugues
hussein
ibrahim
ida
ines
ingeborg
ingrid
iris
ivano
ivy
jasmine
jens
jonas
jordan
joyce
juergen
juliette
julio
jurgen
justin
kai
karen
karim
kavita
kayla
keith
kelly
kenji
khalid
kyle
larisa
lauren
lea
leah
leila
leroy
logan
loredana
lorena
ludovic
ludovica
luna
maja
malte
manon
marina
mario
marisol
martina
mason
massimo
mathis
maud
megan
mercedes
miriam
morgan
mustafa
naomi
niamh
nigel
nils
nina
noah
noemi
nova
nuria
odile
oksana
ole
olga
omar
ornella
oscar
oskar
otto
owen
paige
paloma
pearl
petra
pilar
polina
priya
raffaele
raffaella
rainer
raj
raul
ravi
reiner
renate
renato
rhiannon
rocio
rohit
rosario
ross
roy
ruben
ruby
ruth
ryan
sabine
sanjay
seth
shannon
sigrid
silke
silvana
silvio
siobhan
solange
solveig
stacy
stella
stuart
sunil
sven
svetlana
sylvie
tabitha
takeshi
tariq
taylor
teresita
thierry
thorsten
torben
tracy
trevor
tyler
ursula
uschi
uwe
valerio
veronique
vikram
volker
wayne
wei
wolfgang
yasmin
yusuf
yves
yvonne
zeynep
zoe
`

// shortForms gives for each form the lines that it stands in.
var shortForms = func() map[string][]uint16 {
	m := make(map[string][]uint16)
	for i, line := range strings.Split(strings.TrimSpace(nicknames), "\n") {
		for _, form := range strings.Fields(line) {
			m[form] = append(m[form], uint16(i+1))
		}
	}
	return m
}()

// GivenRoots gives the numbers of the given names that a form stands for: "bob" and "robert" share one. A number means
// nothing but that; it belongs to the version of the fold. latin is one word of Latin's form. Nil means that the form is
// not known.
func GivenRoots(latin string) []uint16 { return shortForms[latin] }

// manyNames has the short forms that stand for several full names which are no forms of each other: "sam" is Samuel or
// Samantha. A form that is itself a full name is none of them.
var manyNames = func() map[string]bool {
	full := make(map[string]bool)
	var fullOf [][]uint16 // by line: the lines that its full name stands in
	for line := range strings.SplitSeq(strings.TrimSpace(nicknames), "\n") {
		name, _, _ := strings.Cut(line, " ")
		full[name], fullOf = true, append(fullOf, shortForms[name])
	}
	several := make(map[string]bool)
	for form, lines := range shortForms {
		for i, x := range lines {
			for _, y := range lines[:i] {
				shared := slices.ContainsFunc(fullOf[x-1], func(l uint16) bool { return slices.Contains(fullOf[y-1], l) })
				several[form] = several[form] || !shared && !full[form]
			}
		}
	}
	maps.DeleteFunc(several, func(_ string, is bool) bool { return !is })
	return several
}()

// ManyNames reports whether a form is short for several given names that are no forms of each other. latin is one word of
// Latin's form.
func ManyNames(latin string) bool { return manyNames[latin] }

// nearForms gives for each form, and each form less one letter, the forms that it may be a slip of.
var nearForms = sync.OnceValue(func() map[string][]string {
	m := make(map[string][]string)
	for _, form := range slices.Sorted(maps.Keys(shortForms)) {
		if len(form) < 4 {
			continue
		}
		m[form] = append(m[form], form)
		for _, less := range lessOne(form) {
			m[less] = append(m[less], form)
		}
	}
	return m
})

// lessOne gives what is left of a word when one letter is left out, each once.
func lessOne(word string) []string {
	var out []string
	for i := range len(word) {
		if i == 0 || word[i] != word[i-1] {
			out = append(out, word[:i]+word[i+1:])
		}
	}
	return out
}

// NearGivenRoots gives the numbers of the given names that an unknown form may be a slip of the pen of: one letter more,
// less or other. It is nil for a form that GivenRoots knows, and for less than five letters.
func NearGivenRoots(latin string) []uint16 {
	if len(latin) < 5 || shortForms[latin] != nil {
		return nil
	}
	var roots []uint16
	near := nearForms()
	for _, less := range append(lessOne(latin), latin) {
		for _, form := range near[less] {
			roots = append(roots, shortForms[form]...)
		}
	}
	slices.Sort(roots)
	return slices.Compact(roots)
}

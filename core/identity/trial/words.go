package trial

import "strings"

// The word lists of the generator: each given name with forms by which the same person goes elsewhere.
var (
	women = lines(`
maria mary marie mia|anna ann annie|emma em|olivia liv livvy|sophia sophie|isabella bella isabel|charlotte lottie|amelia millie|emily em|elizabeth liz beth lisa|katherine kate katie kathy
margaret maggie meg peggy|susan sue susie|jennifer jen jenny|jessica jess|sarah sally|rebecca becky|victoria vicky|alexandra alex sandra|christina tina chris|barbara barb|patricia pat trish
deborah debbie|dorothy dot|teresa terry tess|theresa tess|caroline carrie|catherine cathy kitty|josephine josie|abigail abby|samantha sam|stephanie steph|nicole nicky|michelle shelly|natalie nat|gabriella gaby
chiara|giulia giulietta|francesca fran|elena|martina|valentina val|paola|silvia|laura laurie|monica|claudia|federica|camille|manon|chloe|lea|juliette|pauline|mathilde|audrey|celine|sabine
ursula|heike|petra|birgit|monika|renate|ingrid|helga|anja|katja|lena|hannah|greta|frieda|carmen|lucia|pilar|rocio|ines|beatriz|nuria|marta|ayse|fatma|elif|zeynep|leila|yasmin|amina|mei|li|yuki|sakura|priya|ananya|divya|kavita`)
	men = lines(`
james jim jimmy|john jack johnny|robert bob rob|michael mike mick|william bill will|david dave|richard rick dick|joseph joe|thomas tom|charles charlie chuck|christopher chris|daniel dan|matthew matt|anthony tony|andrew andy drew
joshua josh|kenneth ken|edward ed ted eddie|ronald ron|timothy tim|jeffrey jeff|nicholas nick|jonathan jon|stephen steve|lawrence larry|samuel sam|benjamin ben|gregory greg|alexander alex sandy|frederick fred|raymond ray|gerald gerry
peter pete|philip phil|theodore ted theo|vincent vince|walter walt|leonard leo len|francis frank|henry harry hank|oliver ollie|mario|paul|paolo|marco|luca|giovanni gianni|antonio toni|stefano|roberto|alessandro sandro|carlo
pierre|jean|luc|antoine|mathieu|olivier|etienne|guillaume|julien|hans|juergen|klaus|uwe|dieter|heinz|wolfgang|stefan|markus|andreas|thorsten|bjoern|jose pepe|juan|miguel|javier|carlos|pablo|diego|mehmet|mustafa|ahmed|omar|ali|karim|wei|chen|hiroshi|kenji|raj|arjun|vikram|sanjay`)
	cyrillic = lines(`
Иван ivan|Сергей sergei sergey|Дмитрий dmitri dmitry|Николай nikolai nikolay|Алексей alexei aleksey|Юрий yuri yuriy|Михаил mikhail|Владимир vladimir|Андрей andrei andrey`)
	cyrillicWomen = lines(`
Наталья natalya natalia|Ольга olga|Екатерина ekaterina yekaterina|Ирина irina|Татьяна tatyana tatiana|Светлана svetlana|Юлия yulia julia|Людмила lyudmila ludmila`)
	// The stems of Russian family names with their usual spellings; endings follow.
	cyrillicStems = lines(`
Черн chern tschern|Кузнец kuznets kusnez|Сокол sokol|Поп pop|Лебед lebed|Козл kozl|Новик novik|Мороз moroz|Волк volk wolk|Зайц zaits zayts|Павл pavl pawl|Щербак shcherbak scherbak|Жук zhuk|Орл orl|Макар makar|Захар zakhar sachar|Борис boris|Корол korol|Герасим gerasim|Пономар ponomar|Григор grigor|Романт romant|Гусар gusar|Киселёв kiselev kiselyov|Третьяк tretyak tretiak|Фёдор fedor fyodor|Яковл yakovl iakovl|Шевч shevch schewtsch|Гром grom|Дорох dorokh doroch`)
	cyrillicEndings = lines(`ов ov ow|ев ev ew|ин in|енко enko|ский sky skiy|ушкин ushkin uschkin|анов anov anow|аев aev aew`)
	families        = strings.Fields(`
smith jones taylor brown williams wilson johnson davies robinson wright thompson evans walker white roberts green hall wood jackson clarke clark lewis harris martin cooper king lee baker harrison morgan allen scott hill moore
rossi russo ferrari esposito bianchi romano colombo ricci marino greco bruno gallo conti deluca costa giordano mancini rizzo lombardi moretti dupont durand leroy moreau simon laurent lefebvre michel garcia fournier girard bonnet
mueller schmidt schneider fischer weber meyer wagner becker schulz hoffmann schaefer koch bauer richter klein wolf schroeder neumann schwarz zimmermann braun hofmann krueger lange kraus lehmann huber kaiser fuchs vogel
fernandez gonzalez rodriguez lopez martinez sanchez perez gomez diaz moreno alvarez romero navarro torres ramos gil serrano molina yilmaz kaya demir celik sahin khan ahmed hussein patel singh sharma gupta kumar reddy chen wang zhang liu yang tanaka suzuki sato`)
	heads   = strings.Fields("al ash bar bel ber black bran bur car cas chal col cor crow dal den dor east el fair far fel gar glen gran hal ham har hart hol hunt kel kirk lam lan lin lock mal mar mel mid mont nor oak par pem ral ram red ros rud sal sand sel sher stan stock sum sut tal thorn tre val van vel wal war wat wes whit win yar zan")
	middles = strings.Fields("a e i o ing er en el an is or")
	tails   = strings.Fields("bach bert berg bridge brook burn bury by combe cott dale den feld field ford gate ham hart hill holm hurst ini kamp ley lin low man mann mont more ner net over pole rell ret rich ridge sen shaw sky son stein stone stra thal ther ton wald ward way well wick win wood worth")
	streets = strings.Fields("maple oak cedar elm church high station park victoria king queen mill london green grange bridge north south garden chapel springfield manor york spring river lake hillside sunset highland forest meadow orchard windsor albert albion clarence stanley alexandra richmond rosebery beech birch chestnut hawthorn willow laurel hazel acacia magnolia jasmine juniper linden poplar sycamore")
	kinds   = strings.Fields("street road avenue lane drive court place terrace close way")
	cities  = strings.Fields("london leeds bristol oxford bath york exeter norwich chester derby boston austin denver seattle portland chicago dallas houston phoenix atlanta milano torino firenze bologna verona paris lyon nice lille nantes berlin hamburg muenchen koeln stuttgart wien zuerich geneve basel madrid sevilla bilbao valencia")
	mailers = strings.Fields("gmail.com gmail.com gmail.com gmail.com outlook.com hotmail.com yahoo.com icloud.com gmx.de web.de libero.it orange.fr btinternet.com proton.me")
)

// lines splits a list of alternatives: one entry a line or a bar, its forms parted by blanks.
func lines(s string) [][]string {
	var out [][]string
	for _, l := range strings.FieldsFunc(s, func(r rune) bool { return r == '\n' || r == '|' }) {
		if f := strings.Fields(l); len(f) > 0 {
			out = append(out, f)
		}
	}
	return out
}

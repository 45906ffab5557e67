// Word lists of the person and address recognisers: frequent names, titles, words before and after
// a name. Short on purpose: what is missing is found by the words around it, or not at all.
#pragma once

#include <array>
#include <string_view>

namespace hearth::pii {

// Given names that are seldom another word, in small letters, parted by spaces.
inline constexpr std::string_view kGivenNames =
    "aaron adam adrian agnes ahmed aisha alan albert alejandro alex alexander alexandra alexis "
    "alfred ali alice alison amanda amelia amy ana andre andrea andreas andrew andrey angela anita "
    "anna anne annika anthony antoine antonio arthur ashley astrid barbara beatrice ben benjamin "
    "bernard betty birgit bjorn brandon brenda brian bruce bruno camille carl carla carlos carmen "
    "caroline carolyn catherine cecilia charles charlotte chloe chris christian christina "
    "christine christopher claire clara claudia clemens colin connor craig cynthia daniel daniela "
    "danielle david deborah denise dennis diana diane diego dimitri dmitry dominik donald donna "
    "dorothy douglas dustin dylan edith edward elena eleanor elias elisabeth elizabeth ella ellen "
    "emil emily emma eric erik erika ernst esther ethan eugene eva evan evelyn fatima felix "
    "fernando filip fiona florian frances francesca francesco francis francisco franz fred "
    "frederick fritz gabriel gabriela gary george gerald gerhard giovanni giulia gloria gordon "
    "gregory greta guillaume gustav guy hannah hans harold harry hassan heather hector heidi "
    "heinrich helen helena helga henri henry herbert hugo ian ibrahim igor ines ingrid irene irina "
    "isaac isabel isabella ivan ivana jacob jacqueline jacques jakob james jamie jan jana jane "
    "janet janice jason javier jean jeff jeffrey jennifer jeremy jerry jesse jessica jim joan "
    "joanna joe johan johanna johannes john johnny jonas jonathan jordan jorge jose josef joseph "
    "joshua juan juanita judith judy julia julian julie julien jurgen justin karen karin karl "
    "katarina kate katherine kathleen kathryn katja keith kelly ken kenneth kerstin kevin kim "
    "klaus "
    "kristen kristin kristina kurt kyle larry lars laura lauren laurent lea lena leo leon leonard "
    "leonardo leslie liam lidia linda lisa logan lorenzo louis louise luca lucas lucia lucy luis "
    "lukas lydia madison magdalena manuel manuela marc marcel marco marcus margaret margarita "
    "maria "
    "marianne marie marina mario marion mark markus marta martha martin martina marvin mary "
    "mathilde matteo matthew matthias maurice max maximilian megan melanie melissa michael michel "
    "michelle miguel mikhail milan milena mohamed mohammed monica monika nadia nancy natalia "
    "natalie natasha nathan neil nicholas nicola nicolas nicole nikolai nina noah nora oleg olga "
    "oliver olivia omar oscar otto pablo pamela patricia patrick paul paula pauline pavel pedro "
    "peter petra philip philipp philippe phillip pierre rachel rafael ralph ramona raymond rebecca "
    "regina renate rene ricardo richard rita robert roberto robin roger roland roman ronald rosa "
    "rosemary roy ruben rudolf russell ruth ryan samantha samuel sandra sara sarah scott sean "
    "sebastian sergei sergey sergio sharon shirley silvia simon simone sofia sonja sophia sophie "
    "stefan stefanie stella stephan stephanie stephen steve steven stuart susan susanne suzanne "
    "sven svetlana sylvia tamara tanja tatiana teresa terry theodor theresa thomas tiffany tim "
    "timothy tina tobias todd tom tomas tony tracy travis tyler ulrich ursula valentina valerie "
    "vanessa vera veronica victor victoria vincent viktor virginia vladimir volker walter wayne "
    "wendy werner wilhelm william wolfgang xavier yolanda yves yvonne zachary zoe";

// Before a name, in English and other languages written with Latin letters.
inline constexpr std::string_view kTitles =
    "mr mrs ms miss mx dr prof professor sir madam herr frau monsieur madame señor señora don doña";

// Words with a capital that are no name: beginnings of sentences, days, months, other.
inline constexpr std::string_view kNoNames =
    "a about after all also am an and any are as at be because been before being best both but by "
    "can could day dear did do does each even every few for from had has have he hello her here hi "
    "him his how i if in into is it its just kind let may me more most my new no not now of off on "
    "one only or other our out over please re regards she should since so some such thank thanks "
    "that the their them then there these they this those to today too under until up us very was "
    "we well were what when where which while who why will with would yes yet you your monday "
    "tuesday wednesday thursday friday saturday sunday january february march april june july "
    "august september october november december street road avenue lane drive inc ltd llc gmbh "
    "corp "
    "company university bank hospital school office department north south east west united states "
    "city county state mr mrs ms miss dr prof visa mastercard card account number phone email name "
    "address order god english french german chinese american british european internet windows "
    "linux google microsoft amazon apple api url http json ok pm usa uk eu un id ip";

// What is said just before a name.
inline constexpr std::array<std::string_view, 22> kBeforeName = {
    "my name is",   "name is",  "name:",      "named",    "i am",          "i'm",
    "this is",      "call me",  "signed by",  "dear",     "patient:",      "customer:",
    "contact:",     "attn:",    "sincerely,", "regards,", "mein name ist", "ich heiße",
    "je m'appelle", "me llamo", "mi chiamo",  "full name"};

// Chinese family names, the frequent ones of one character, then those of two.
inline constexpr std::string_view kFamilyNames =
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许韩邓冯曹彭曾肖田董潘袁蔡蒋余于杜叶程魏苏"
    "吕丁任卢姚沈钟姜崔谭陆范汪廖石金韦贾夏付方邹熊白孟秦邱侯江尹薛闫段雷龙黎史陶贺毛郝顾龚邵万覃"
    "武钱戴严莫孔向常汤康易乔赖文施洪辛柯颜俞骆梅章鲁葛倪樊邢岳齐耿关焦伍左聂祝柳庞殷涂";
inline constexpr std::string_view kLongFamilyNames = "欧阳上官司马诸葛司徒夏侯皇甫尉迟公孙慕容令狐";

inline constexpr std::array<std::string_view, 24> kBeforeChineseName = {
    "姓名：", "姓名:", "姓名是", "姓名为", "姓名",   "我叫",   "名叫",       "名字叫",
    "名字是", "我是",  "联系人", "收件人", "收货人", "寄件人", "患者",       "客户",
    "员工",   "户主",  "申请人", "被告人", "原告",   "被告",   "法定代表人", "持卡人"};
inline constexpr std::array<std::string_view, 24> kAfterChineseName = {
    "先生", "女士", "小姐", "老师", "医生", "经理", "同学", "主任", "教授", "律师", "护士", "师傅",
    "同志", "总监", "主管", "阿姨", "大夫", "校长", "院长", "博士", "局长", "处长", "会计", "太太"};

}  // namespace hearth::pii

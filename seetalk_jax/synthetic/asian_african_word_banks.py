"""Word banks of Asian and African languages for the human world: common words and sentence patterns.

Written for this library. Same slots and short patterns as `european_word_banks`. Japanese has no kanji, and its
particles are spelled as they sound, for the synthesizer.
"""

from __future__ import annotations

ASIAN_AFRICAN_BANKS: dict[str, dict] = {
  'id': dict(
    nouns=(
      'rumah, buku lama, sungai, kucing, sebuah apel, jendela, kakak saya, hutan, secangkir kopi, jembatan, '
      'guru, mobil, topi merah, musik, perahu, anjing, sepucuk surat, gereja, roti, bulan, sepeda, burung, '
      'keluarga, dapur, payung, koran, sup ayam, jalan, kunci, anak kecil'
    ),
    verbs=(
      'melihat, membeli, mencari, melupakan, melukis, membuka, menjual, mendengar, memerlukan, memilih, '
      'membawa, memperbaiki'
    ),
    adjectives=(
      'indah, sangat penting, terlalu jauh, berat, tenang, terkenal, berbahaya, baru, mahal, mustahil'
    ),
    places='di taman, di tepi laut, di atap, di rumah, di belakang pintu, di bawah meja, di stasiun',
    times='hari ini, setiap Jumat, malam hari, setelah makan, minggu depan, kadang-kadang, bulan Februari',
    names='Maria, Budi, Sofia, Putri, Bambang, Wayan, Ema, Joko',
    templates=(
      '{H} {V} {N} {P}.',
      '{T} {H} {V} {N}.',
      'Mengapa {N} itu {A}?',
      'Kami melihat {N}, {N} dan {N} {T}.',
      'Ada {#} orang {P}, dan {H} {V} {N}.',
      'Nama saya {H}, dan ini {N}.',
    ),  # fmt: skip
  ),
  'sw': dict(
    nouns=(
      'nyumba, kitabu, mto, paka, tunda, dirisha, ndugu yangu, msitu, kahawa, daraja, mwalimu, gari, kofia, '
      'muziki, mashua, mbwa, barua, kanisa, mkate, mwezi, baiskeli, ndege, familia, jiko, mwavuli, gazeti, '
      'supu, barabara, ufunguo, mtoto'
    ),
    verbs=(
      'anaona, ananunua, anatafuta, anasahau, anachora, anafungua, anauza, anasikia, anahitaji, anachagua, '
      'analeta, anapenda'
    ),
    adjectives='nzuri sana, muhimu, mbali mno, nzito, kimya, maarufu, hatari, mpya, ghali, vigumu',
    places='shambani, baharini, juu ya paa, nyumbani, nyuma ya mlango, chini ya meza, kituoni',
    times='leo, kila Ijumaa, jioni, baada ya chakula, wiki ijayo, mara nyingine, mwezi wa pili',
    names='Maria, Juma, Sofia, Fatuma, Baraka, Wanjiku, Ema, Petro',
    templates=(
      '{H} {V} {N} {P}.',
      '{T} {H} {V} {N}.',
      'Kwa nini {N} ni {A}?',
      '{T} {V} {N}, {N} na {N}.',
      'Kuna watu {#} {P}, na {H} {V} {N}.',
      'Jina langu ni {H}, na hii ni {N}.',
    ),  # fmt: skip
  ),
  'vi': dict(
    nouns=(
      'ngôi nhà, quyển sách cũ, dòng sông, con mèo, quả táo, cửa sổ, anh trai tôi, khu rừng, ly cà phê, '
      'cây cầu, thầy giáo, chiếc xe, cái mũ đỏ, bản nhạc, con thuyền, con chó, lá thư, nhà thờ, bánh mì, '
      'mặt trăng, xe đạp, con chim, gia đình, nhà bếp, cái ô, tờ báo, bát phở, con đường, chìa khóa, em bé'
    ),
    verbs='nhìn thấy, mua, tìm, quên, vẽ, mở, bán, nghe, cần, chọn, mang, thích',
    adjectives='rất đẹp, quan trọng, quá xa, nặng, yên tĩnh, nổi tiếng, nguy hiểm, mới, đắt, khó',
    places='trong công viên, bên bờ biển, trên mái nhà, ở nhà, sau cánh cửa, dưới bàn, ở nhà ga',
    times='hôm nay, mỗi thứ sáu, buổi tối, sau bữa ăn, tuần sau, đôi khi, vào tháng hai',
    names='Mai, Bình, Phương, Hùng, Vân, Minh, Thảo, Phúc',
    templates=(
      '{H} {V} {N} {P}.',
      '{T} {H} {V} {N}.',
      'Tại sao {N} lại {A}?',
      'Chúng tôi thấy {N}, {N} và {N} {T}.',
      'Có {#} người {P}, và {H} {V} {N}.',
      'Tôi tên là {H}, và đây là {N}.',
    ),  # fmt: skip
  ),
  'ja': dict(
    nouns=(
      'いえ, ふるいほん, かわ, ねこ, りんご, まど, ともだち, もり, コーヒー, はし, せんせい, くるま, '
      'あかいぼうし, おんがく, ふね, いぬ, てがみ, パン, つき, じてんしゃ, とり, かぞく, だいどころ, かさ, '
      'しんぶん, スープ, みち, かぎ, こども, ピアノ'
    ),
    verbs=(
      'みます, かいます, さがします, わすれます, かきます, あけます, うります, ききます, えらびます, '
      'もってきます, すきです, なおします'
    ),
    adjectives=(
      'きれい, とてもたいせつ, とおすぎ, おもい, しずか, ゆうめい, あぶない, あたらしい, たかい, むずかしい'
    ),
    places='こうえんで, うみで, やねのうえで, うちで, ドアのうしろで, つくえのしたで, えきで',
    times='きょう, まいしゅうきんようび, よる, ごはんのあとで, らいしゅう, ときどき, にがつに',
    names='まりこ, けんじ, さくら, ゆうた, ひろみ, たろう, えみ, しょうへい',
    templates=(
      '{H}わ {P} {N}を {V}。',
      '{T} {H}わ {N}を {V}。',
      'どうして {N}わ そんなに {A}ですか?',
      'わたしたちわ {T} {N}と {N}と {N}を みました。',
      'わたしわ {H}です。 これわ {N}です。',
    ),  # fmt: skip
  ),
  'ko': dict(
    nouns=(
      '집, 오래된 책, 강, 고양이, 사과, 창문, 우리 형, 숲, 커피, 다리, 선생님, 자동차, 빨간 모자, 음악, 배, '
      '강아지, 편지, 빵, 달, 자전거, 새, 가족, 부엌, 우산, 신문, 국, 길, 열쇠, 아이, 피아노'
    ),
    verbs=(
      '봅니다, 삽니다, 찾습니다, 잊습니다, 그립니다, 엽니다, 팝니다, 듣습니다, 고릅니다, 가져옵니다, '
      '좋아합니다, 고칩니다'
    ),
    adjectives='아름답습니까, 중요합니까, 멉니까, 무겁습니까, 조용합니까, 유명합니까, 위험합니까, 비쌉니까',
    places='공원에서, 바다에서, 지붕 위에서, 집에서, 문 뒤에서, 책상 밑에서, 역에서',
    times='오늘, 금요일마다, 저녁에, 식사 후에, 다음 주에, 가끔, 이월에',
    names='민수, 지영, 수빈, 현우, 보라, 태호, 은미, 동현',
    templates=(
      '{H} 씨는 {P} {N} 하나를 {V}.',
      '{T} {H} 씨는 {N} 도 {V}.',
      '왜 {N} 그렇게 {A}?',
      '우리는 {T} {N}, {N}, 그리고 {N} 도 봅니다.',
      '제 이름은 {H}, 이것은 {N} 입니다.',
    ),  # fmt: skip
  ),
  'hi': dict(
    nouns=(
      'घर, पुरानी किताब, नदी, बिल्ली, सेब, खिड़की, मेरा भाई, जंगल, चाय, पुल, अध्यापक, गाड़ी, लाल टोपी, संगीत, नाव, '
      'कुत्ता, चिट्ठी, मंदिर, रोटी, चाँद, साइकिल, चिड़िया, परिवार, रसोई, छाता, अख़बार, फूल, रास्ता, चाबी, बच्चा'
    ),
    verbs=(
      'देखता है, खरीदता है, ढूँढता है, भूलता है, बनाता है, खोलता है, बेचता है, सुनता है, चाहता है, चुनता है, लाता है, पढ़ता है'
    ),
    adjectives='सुंदर, बहुत ज़रूरी, बहुत दूर, भारी, शांत, मशहूर, ख़तरनाक, नया, महँगा, मुश्किल',
    places='बाग़ में, समुद्र के पास, छत पर, घर पर, दरवाज़े के पीछे, मेज़ के नीचे, स्टेशन पर',
    times='आज, हर शुक्रवार, शाम को, खाने के बाद, अगले हफ़्ते, कभी कभी, फ़रवरी में',
    names='मोहन, प्रिया, सोनू, विजय, भावना, राम, फ़ातिमा, पवन',
    templates=(
      '{H} {P} {N} {V}।',
      '{T} {H} {N} {V}।',
      '{N} इतना {A} क्यों है?',
      'हम {T} {N}, {N} और {N} देखते हैं।',
      'यहाँ {#} लोग हैं, और {H} {N} {V}।',
      'मेरा नाम {H} है, और यह {N} है।',
    ),  # fmt: skip
  ),
  'ar': dict(
    nouns=(
      'البَيت, الكِتاب, النَهر, القِطَّة, التُفّاحة, الشُبّاك, الغابة, القَهوة, الجِسر, المُعَلِّم, السَيّارة, القُبَّعة, الموسيقى, '
      'القارِب, الكَلب, الرِسالة, المَدينة, الخُبز, القَمَر, الدَرّاجة, الطائِر, العائِلة, المَطبَخ, المِظَلَّة, الجَريدة, '
      'الشاي, الطَريق, المِفتاح, الوَلَد, البَحر'
    ),
    verbs='يَرى, يَشتَري, يَجِد, يَنسى, يَرسُم, يَفتَح, يَصِف, يَبيع, يَسمَع, يُريد, يَختار, يُحِبّ',
    adjectives='جَميل, مُهِمّ جِدّاً, بَعيد, ثَقيل, هادِئ, مَشهور, خَطير, جَديد, غالي, مُمكِن',
    places='في الحَديقة, عَلى البَحر, فَوق السَطح, في البَيت, خَلف الباب, تَحت الطاوِلة, في المَحَطَّة',
    times='اليَوم, كُلَّ جُمعة, في المَساء, بَعد الأَكل, الأُسبوع القادِم, أَحياناً, في فِبرايِر',
    names='مَريم, بَسّام, صوفيا, يوسُف, فاطِمة, مُحَمَّد, إيمان, ثامِر',
    templates=(
      '{H} {V} {N} {P}.',
      '{T} {V} {H} {N}.',
      'لِماذا {N} {A}؟',
      'نَحنُ نَرى {N} و {N} و {N} {T}.',
      'هُنا {#} ناس, و {H} {V} {N}.',
      'اِسمي {H}, وهذا هُوَ {N}.',
    ),  # fmt: skip
  ),
  'ta': dict(
    nouns=(
      'வீடு, பழைய புத்தகம், ஆறு, பூனை, ஆப்பிள், ஜன்னல், என் தம்பி, காடு, காபி, பாலம், ஆசிரியர், வண்டி, தொப்பி, இசை, படகு, '
      'நாய், கடிதம், கோயில், ரொட்டி, நிலா, மிதிவண்டி, பறவை, குடும்பம், சமையலறை, குடை, செய்தித்தாள், பூ, பாதை, சாவி, '
      'குழந்தை'
    ),
    verbs=(
      'பார்க்கிறார், வாங்குகிறார், தேடுகிறார், மறக்கிறார், வரைகிறார், திறக்கிறார், விற்கிறார், கேட்கிறார், எடுக்கிறார், விரும்புகிறார்'
    ),
    adjectives='அழகு, மிக முக்கியம், மிகவும் தூரம், கனம், அமைதி, புகழ், ஆபத்து, புதிது',
    places='பூங்காவில், கடலில், கூரையில், வீட்டில், கதவின் பின்னால், மேசையின் கீழ், நிலையத்தில்',
    times='இன்று, ஒவ்வொரு வெள்ளி, மாலையில், சாப்பிட்ட பிறகு, அடுத்த வாரம், சில நேரம்',
    names='மாலா, பாலு, சோபியா, முருகன், வள்ளி, குமார், பிரியா, ரவி',
    templates=(
      '{H} {P} {N} {V}.',
      '{T} {H} {N} {V}.',
      'ஏன் {N} இவ்வளவு {A}?',
      'நாங்கள் {T} {N}, {N}, {N} பார்த்தோம்.',
      'என் பெயர் {H}, இது {N}.',
    ),  # fmt: skip
  ),
  'fa': dict(
    nouns=(
      'خانه, کتاب, رودخانه, گربه, سیب, پنجره, برادر, جنگل, قهوه, پل, معلم, ماشین, کلاه, موسیقی, قایق, سگ, '
      'نامه, شهر, نان, ماه, دوچرخه, پرنده, خانواده, آشپزخانه, چتر, روزنامه, سوپ, راه, کلید, بچه'
    ),
    verbs=(
      'می\u200cبیند, می\u200cخرد, می\u200cجوید, می\u200cکشد, می\u200cفروشد, می\u200cشنود, می\u200cخواهد, '
      'می\u200cآورد, می\u200cخواند, می\u200cسازد'
    ),
    adjectives='زیبا, بسیار مهم, خیلی دور, سنگین, آرام, مشهور, خطرناک, تازه, گران, ممکن',
    places='در پارک, کنار دریا, روی بام, در خانه, پشت در, زیر میز, در ایستگاه',
    times='امروز, هر جمعه, شب, بعد از غذا, هفته آینده, گاهی',
    names='مریم, بابک, سوفیا, فرهاد, پروین, محمد, ژاله, واحد',
    templates=(
      '{H} {P} {N} را {V}.',
      '{T} {H} {N} را {V}.',
      'چرا {N} {A} است?',
      'ما {T} {N}, {N} و {N} را دیدیم.',
      'نام من {H} است, و این {N} است.',
    ),  # fmt: skip
  ),
}

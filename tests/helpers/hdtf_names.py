"""Some names of the videos of HDTF, of every form that its lists have, for tests of its speakers and splits.

The lists are `HDTF_dataset/*_video_url.txt` of https://github.com/MRzzm/HDTF.
"""

WDA = """
  BarackObama BarbaraLee0 BarbaraLee1 BernieSanders BobCasey0 BobCasey1 BrianSchatz0 BrianSchatz1
  BrianSchatz2 CarolynMaloney1 CarolynMaloney2 ChrisCoons ChrisCoons1 JamesClyburn JamesClyburn1
  WhipJimClyburn JackyRosen JackyRosen1 LucilleRoybal-Allard MarkWarner MarkWarner1 MarkWarner2
  NancyPelosi0 NancyPelosi1 NancyPelosi3 TerriSewell TerriSewell0 TerriSewell1 TammyBaldwin0
  TammyBaldwin1
""".split()
WRA = """
  AdamKinzinger0 AdamKinzinger1 AdamKinzinger2 AustinScott0 AustinScott2 BillCassidy BillCassidy0
  CarlyFiorina CarlyFiorina0 CoryGardner CoryGardner0 CoryGardner1 GregWalden GregWalden1 JoeHeck1
  JohnKasich0 JohnKasich1 JohnKasich2 JohnKasich3 KevinBrady KevinBrady0 KevinBrady2 KevinBrady3
  MikeJohanns MikeJohanns1 TimScott
""".split()
RD = ['Radio1', 'Radio2', 'Radio19', 'Radio59']

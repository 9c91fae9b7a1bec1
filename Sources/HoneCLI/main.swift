import Recipes

await Hone.run()
